import type { DataSource, EntityManager } from 'typeorm';

type Query = (sql: string, parameters?: unknown[]) => Promise<unknown>;

/**
 * A database that can fall silent: while it replays, each statement is answered with what it last really answered, so that
 * what remains is the cost of those who ask. Statements it has never seen still go to PostgreSQL.
 */
export function replayable(real: DataSource): { readonly dataSource: DataSource; replay(on: boolean): void } {
  const answers = new Map<string, unknown>();
  let replaying = false;
  const asking =
    (query: Query): Query =>
    async (sql, parameters) => {
      if (replaying && answers.has(sql)) return answers.get(sql);
      const answer = await query(sql, parameters);
      if (!answers.has(sql) || !isEmpty(answer)) answers.set(sql, answer);
      return answer;
    };
  const around = <T extends object>(target: T, own: Readonly<Record<string, unknown>>): T =>
    new Proxy(target, {
      get(_, name) {
        if (typeof name === 'string' && name in own) return own[name];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const managed = (manager: EntityManager) => around(manager, { query: asking((...asked) => manager.query(...asked)) });
  const manager = managed(real.manager);
  const dataSource = around(real, {
    query: asking((...asked) => real.query(...asked)),
    manager,
    transaction: (work: (own: EntityManager) => Promise<unknown>) =>
      replaying ? work(manager) : real.transaction((own) => work(managed(own))),
  });
  return {
    dataSource,
    replay(on) {
      replaying = on;
    },
  };
}

/** Rows, or rows with their count as UPDATE and DELETE answer. */
function isEmpty(answer: unknown): boolean {
  const rows: unknown = Array.isArray(answer) && Array.isArray(answer[0]) ? answer[0] : answer;
  return Array.isArray(rows) && rows.length === 0;
}
