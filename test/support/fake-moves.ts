import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { DomainError } from '../../src/errors.js';
import type { MoveControl, Moves, MoveView } from '../../src/fleet/moves/index.js';

/** The door of the move protocol without validator clients: rows only, and `finish` where the protocol would work. */
export interface FakeMoves extends Moves, Pick<MoveControl, 'abort'> {
  /** Ends unfinished moves: the key is at its destination. */
  finish(ids?: readonly string[]): Promise<void>;
  /** Ends one with its key back where it came from. */
  turnBack(id: string): Promise<void>;
  set(id: string, state: MoveView['state'], holdReason?: string): Promise<void>;
}

interface Row {
  id: string;
  public_key: string;
  from_client: string;
  to_client: string;
  state: MoveView['state'];
  reason: string;
  hold_reason: string | null;
  plan_id: string | null;
  instance_id: string | null;
  created_at: Date;
  updated_at: Date;
}

const UNFINISHED = `state NOT IN ('placed', 'aborted')`;

export async function fakeMoves(dataSource: DataSource, holders: ReadonlyMap<string, string>): Promise<FakeMoves> {
  await dataSource.query(
    'CREATE TABLE fake_right (public_key text PRIMARY KEY, holder text, since timestamptz NOT NULL)',
  );
  await dataSource.query(
    `CREATE TABLE fake_move (id text PRIMARY KEY, public_key text NOT NULL, from_client text NOT NULL, to_client text NOT NULL,
      state text NOT NULL, reason text NOT NULL, hold_reason text, plan_id text, instance_id text,
      created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())`,
  );
  await dataSource.query(`CREATE UNIQUE INDEX fake_move_one ON fake_move (public_key) WHERE ${UNFINISHED}`);
  for (const [publicKey, holder] of holders) {
    await dataSource.query('INSERT INTO fake_right VALUES ($1, $2, now())', [publicKey, holder]);
  }
  const turnedBack = new Set<string>();
  const view = (row: Row): MoveView => ({
    ...viewOf(row),
    ...(turnedBack.has(row.id) && { turnedBack: true as const }),
  });
  let pause: { reason: string; since: Date } | undefined;
  const rows = (sql: string, parameters: unknown[] = []): Promise<Row[]> => dataSource.query(sql, parameters);

  return {
    async start(move, manager) {
      const [right]: { holder: string | null }[] = await manager.query(
        'SELECT holder FROM fake_right WHERE public_key = $1',
        [move.publicKey],
      );
      if (right?.holder !== move.from)
        throw new DomainError('NotHolder', `${move.from} does not hold ${move.publicKey}`);
      const [open]: unknown[] = await manager.query(
        `SELECT id FROM fake_move WHERE public_key = $1 AND ${UNFINISHED}`,
        [move.publicKey],
      );
      if (open) throw new DomainError('MoveUnfinished', 'the key has an unfinished move');
      const id = randomUUID();
      await manager.query(
        `INSERT INTO fake_move (id, public_key, from_client, to_client, state, reason, plan_id, instance_id) VALUES ($1, $2, $3, $4, 'preflight', $5, $6, $7)`,
        [id, move.publicKey, move.from, move.to, move.reason, move.planId ?? null, move.instanceId ?? null],
      );
      return id;
    },
    async list({ state, planId, instanceId, unfinished }) {
      const found = await rows(
        `SELECT * FROM fake_move WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR plan_id = $2)
           AND ($3::text IS NULL OR instance_id = $3) AND (NOT $4 OR ${UNFINISHED}) ORDER BY created_at, id`,
        [state ?? null, planId ?? null, instanceId ?? null, unfinished ?? false],
      );
      return found.map(view);
    },
    async get(id) {
      const [row] = await rows('SELECT * FROM fake_move WHERE id = $1', [id]);
      return row && { ...view(row), evidence: [{ at: row.created_at, state: row.state, kind: 'commit', detail: {} }] };
    },
    async placements(manager) {
      const found: { public_key: string; holder: string | null; since: Date; move_id: string | null }[] = await (
        manager ?? dataSource
      ).query(
        `SELECT r.*, m.id AS move_id FROM fake_right r LEFT JOIN fake_move m ON m.public_key = r.public_key AND ${UNFINISHED} ORDER BY 1`,
      );
      return found.map(({ public_key, holder, since, move_id }) => ({
        publicKey: public_key,
        ...(holder !== null && { holder }),
        since,
        ...(move_id !== null && { moveId: move_id }),
      }));
    },
    pause: async (reason) => {
      pause = { reason, since: new Date() };
    },
    resume: async () => {
      pause = undefined;
    },
    paused: async () => pause,
    async finish(ids) {
      const open = await rows(
        `SELECT * FROM fake_move WHERE ${UNFINISHED} AND state <> 'hold' AND ($1::text[] IS NULL OR id = ANY($1))`,
        [ids ?? null],
      );
      for (const row of open) {
        await dataSource.query('UPDATE fake_right SET holder = $2, since = now() WHERE public_key = $1', [
          row.public_key,
          row.to_client,
        ]);
        await dataSource.query(`UPDATE fake_move SET state = 'placed', updated_at = now() WHERE id = $1`, [row.id]);
      }
    },
    async set(id, state, holdReason) {
      await dataSource.query('UPDATE fake_move SET state = $2, hold_reason = $3, updated_at = now() WHERE id = $1', [
        id,
        state,
        holdReason ?? null,
      ]);
    },
    async turnBack(id) {
      turnedBack.add(id);
      await dataSource.query(`UPDATE fake_move SET state = 'placed', updated_at = now() WHERE id = $1`, [id]);
    },
    advance: async () => undefined,
    reconcile: async () => undefined,
    adopt: async () => undefined,
    async abort(id, manager) {
      const [, changed]: [unknown, number] = await manager.query(
        `UPDATE fake_move SET state = 'aborted' WHERE id = $1 AND state = 'preflight'`,
        [id],
      );
      return changed === 1;
    },
  };
}

function viewOf(row: Row): MoveView {
  return {
    id: row.id,
    publicKey: row.public_key,
    from: row.from_client,
    to: row.to_client,
    state: row.state,
    reason: row.reason,
    ...(row.hold_reason !== null && { holdReason: row.hold_reason }),
    ...(row.plan_id !== null && { planId: row.plan_id }),
    ...(row.instance_id !== null && { instanceId: row.instance_id }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
