import type { DataSource, EntityManager } from 'typeorm';
import { PolicyDecision } from './decision.js';
import { recordedQuestion } from './recorded-question.js';
import type { DecisionLog, DecisionRecord } from './types.js';

/** Which decisions; all given parts must match. Newest first. */
export interface DecisionQuery {
  readonly party?: string;
  readonly clientId?: string;
  readonly resourceId?: string;
  readonly resourceType?: string;
  readonly resourceKey?: string;
  readonly outcome?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** Only decisions older than the one with this id: the next page. */
  readonly before?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface QueryableDecisionLog extends DecisionLog {
  query(query: DecisionQuery): Promise<PolicyDecision[]>;
  find(id: string): Promise<PolicyDecision | undefined>;
}

const MAX_TEXT = 4_096;

const INSERT = `INSERT INTO policy_decision (decided_at, occasion, party, client_id, owner, resource_id, resource_type, resource_key,
  scopes, outcome, reason, policies, claim_names, policy_set, question)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`;

/** The append-only table `policy_decision`. */
export function createDecisionLog(dataSource: DataSource): QueryableDecisionLog {
  return {
    async record(decision, manager) {
      await (manager ?? dataSource.manager).query(INSERT, rowOf(decision));
    },
    query: (query) => select(dataSource.manager, query),
    async find(id) {
      return (await dataSource.manager.findOneBy(PolicyDecision, { id })) ?? undefined;
    },
  };
}

/** In the order of `INSERT`. */
function rowOf(decision: DecisionRecord): unknown[] {
  const question = decision.request && recordedQuestion(decision.request);
  return [
    new Date(decision.atMs),
    decision.occasion,
    decision.party,
    decision.clientId,
    decision.owner ?? null,
    decision.resource.id,
    decision.resource.type,
    decision.resource.key,
    decision.scopes,
    decision.outcome,
    decision.reason.slice(0, MAX_TEXT),
    decision.policies,
    [...decision.claimNames].sort(),
    decision.policySet,
    question ?? null,
  ];
}

function select(manager: EntityManager, query: DecisionQuery): Promise<PolicyDecision[]> {
  const rows = manager.createQueryBuilder(PolicyDecision, 'decision');
  for (const name of ['party', 'clientId', 'resourceId', 'resourceType', 'resourceKey', 'outcome'] as const) {
    if (query[name] !== undefined) rows.andWhere(`decision.${name} = :${name}`, { [name]: query[name] });
  }
  if (query.since !== undefined) rows.andWhere('decision.decidedAt >= :since', { since: query.since });
  if (query.until !== undefined) rows.andWhere('decision.decidedAt < :until', { until: query.until });
  if (query.before !== undefined) rows.andWhere('decision.id < :before', { before: query.before });
  return rows.orderBy('decision.id', 'DESC').limit(query.limit).getMany();
}
