import { Readable } from 'node:stream';
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Guard } from '../contract.js';
import type { PolicyDecision } from './decision.js';
import type { DecisionQuery, QueryableDecisionLog } from './decision-log.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Of an export: as many as there can be. */
const MAX_EXPORT = Number.MAX_SAFE_INTEGER;
const NDJSON = 'application/x-ndjson';
const MAX_PARAMETER = 1_024;
const OUTCOMES = ['permit', 'owner_approval', 'deny', 'need_info'];

export interface DecisionParts {
  readonly decisions: QueryableDecisionLog;
  readonly guard: Guard;
  /** The resource whose scope `read` opens the log; by default policies only the operator passes. */
  readonly resourceId: () => string;
}

/**
 * GET /decisions: the decision log, newest first, for the operator. Mounted below the issuer. `Accept: application/x-ndjson` gets all
 * that fit, one decision a line, as they are read.
 */
export function decisionRoutes(parts: DecisionParts): Router {
  const router = new Router();
  router.get('/decisions', async (ctx) => {
    if (!(await permitted(parts, ctx))) return;
    const exported = ctx.accepts('application/json', NDJSON) === NDJSON;
    const query = readQuery(ctx.query, exported ? MAX_EXPORT : MAX_LIMIT, exported ? MAX_EXPORT : DEFAULT_LIMIT);
    if (typeof query === 'string') {
      answer(ctx, 400, { error: 'invalid_request', error_description: query });
      return;
    }
    if (exported) {
      answer(ctx, 200, Readable.from(lines(parts.decisions, query)));
      ctx.type = NDJSON;
      return;
    }
    const rows = await parts.decisions.query(query);
    const next = rows.length === query.limit ? rows.at(-1)?.id : undefined;
    answer(ctx, 200, { decisions: rows.map(shown), ...(next === undefined ? {} : { next_before: next }) });
  });
  return router;
}

/** A page's lines at a time. */
async function* lines(decisions: QueryableDecisionLog, query: DecisionQuery): AsyncGenerator<string> {
  let { before } = query;
  let left = query.limit;
  while (left > 0) {
    const limit = Math.min(MAX_LIMIT, left);
    const rows = await decisions.query({ ...query, ...(before !== undefined && { before }), limit });
    if (rows.length > 0) yield rows.map((row) => `${JSON.stringify(shown(row))}\n`).join('');
    if (rows.length < limit) return;
    left -= rows.length;
    before = rows.at(-1)?.id;
  }
}

async function permitted({ guard, resourceId }: DecisionParts, ctx: Context): Promise<boolean> {
  const outcome = await guard.check(ctx.req, [{ resourceId: resourceId(), scopes: ['read'] }]);
  if (outcome.kind === 'granted') return true;
  if (outcome.kind === 'denied') {
    answer(ctx, 403, { error: 'access_denied', error_description: outcome.decision.reason });
    return false;
  }
  ctx.set(outcome.challenge.headers);
  answer(ctx, 401, { error: 'unauthorized', error_description: 'an RPT for this resource is needed' });
  return false;
}

function answer(ctx: Context, status: number, body: object): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.status = status;
  ctx.body = body;
}

/** A text says what is wrong with the parameters. */
function readQuery(query: Context['query'], mostRows: number, rows: number): DecisionQuery | string {
  const names = [
    'party',
    'client_id',
    'resource_id',
    'resource_type',
    'resource_key',
    'outcome',
    'since',
    'until',
    'before',
    'limit',
  ];
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!names.includes(name)) return `unknown parameter ${name.slice(0, 64)}`;
    if (typeof value !== 'string' || value.length > MAX_PARAMETER || value.includes('\0'))
      return `${name} must be given once, as text`;
    given[name] = value;
  }
  const limit = Number(given.limit ?? rows);
  if (!Number.isInteger(limit) || limit < 1 || limit > mostRows) return `limit must be 1 to ${mostRows}`;
  if (given.before !== undefined && !/^\d{1,18}$/.test(given.before)) return 'before must be the id of a decision';
  if (given.outcome !== undefined && !OUTCOMES.includes(given.outcome))
    return `outcome must be one of ${OUTCOMES.join(', ')}`;
  const since = timeOf(given.since);
  const until = timeOf(given.until);
  if (since === null || until === null) return 'since and until must be ISO 8601 times';
  return withoutAbsent({
    party: given.party,
    clientId: given.client_id,
    resourceId: given.resource_id,
    resourceType: given.resource_type,
    resourceKey: given.resource_key,
    outcome: given.outcome,
    since,
    until,
    before: given.before,
    limit,
  });
}

/** Undefined when absent, null when it is no time. */
function timeOf(text: string | undefined): Date | undefined | null {
  if (text === undefined) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time;
}

function withoutAbsent(query: { [Name in keyof DecisionQuery]: DecisionQuery[Name] | undefined }): DecisionQuery {
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined),
  ) as unknown as DecisionQuery;
}

function shown(row: PolicyDecision): object {
  return {
    id: row.id,
    at: row.decidedAt.toISOString(),
    occasion: row.occasion,
    party: row.party,
    client_id: row.clientId,
    ...(row.owner === null ? {} : { owner: row.owner }),
    resource: { id: row.resourceId, type: row.resourceType, key: row.resourceKey },
    scopes: row.scopes,
    outcome: row.outcome,
    reason: row.reason,
    policies: row.policies,
    claim_names: row.claimNames,
    policy_set: row.policySet,
    question: row.question,
  };
}
