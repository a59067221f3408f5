import Router from '@koa/router';
import type { Context } from 'koa';
import type { Logger } from '../../src/logger.js';
import { compileSchema, problems } from '../../src/validate.js';
import type { Guard, Subject } from '../contract.js';
import { invalidRequest, notFound, ProtocolError } from '../errors.js';
import { readJson, singleValues } from '../http.js';
import type { ApprovalFilter, ApprovalQueue } from './approval-queue.js';
import type { ApprovalRequest } from './approval-request.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isVerdict = compileSchema<{ reason?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: { reason: { type: 'string', maxLength: 1024 } },
});

export interface RequestParts {
  readonly queue: ApprovalQueue;
  readonly guard: Guard;
  readonly operatorId: string;
  /** Whose PAT the request carries, if it is one. */
  readonly patOwner: (ctx: Context) => Promise<string | undefined>;
  /** The resource whose scopes `read` and `approve` open the queue. */
  readonly resourceId: () => string;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

/** What policies left to the owner: to the operator with an RPT for its queue, to any owner with its PAT. */
export function requestRoutes(parts: RequestParts): Router {
  const router = new Router();
  router.get('/requests', async (ctx) => {
    const { owner } = await requireOwner(parts, ctx, 'read');
    ctx.set('Cache-Control', 'no-store');
    const requests = await parts.queue.list({ owner, ...readFilter(ctx) });
    ctx.body = { requests: requests.map((request) => shown(request, parts.nowMs())) };
  });
  router.post('/requests/:id/approve', (ctx) => decide(parts, ctx, 'approved'));
  router.post('/requests/:id/deny', (ctx) => decide(parts, ctx, 'denied'));
  return router;
}

async function decide(parts: RequestParts, ctx: Context, state: 'approved' | 'denied'): Promise<void> {
  const { owner, party } = await requireOwner(parts, ctx, 'approve');
  const reason = await readReason(ctx);
  const id = (ctx.params as { id?: string }).id ?? '';
  if (!UUID.test(id)) throw notFound();
  const decided = await parts.queue.decide(id, owner, state, party, reason);
  if (decided === undefined) {
    const known = await parts.queue.find(id, owner);
    if (known === undefined) throw notFound();
    throw new ProtocolError(409, 'already_decided', `the request is ${stateOf(known, parts.nowMs())}`);
  }
  parts.logger.info({ request: id, state, by: party, party: decided.party }, 'approval request decided');
  ctx.set('Cache-Control', 'no-store');
  ctx.body = shown(decided, parts.nowMs());
}

/** Whose queue it is, and who looks or decides. An owner's PAT opens its own and no other. */
async function requireOwner(
  parts: RequestParts,
  ctx: Context,
  scope: string,
): Promise<{ readonly owner: string; readonly party: string }> {
  const owner = await parts.patOwner(ctx);
  if (owner !== undefined) return { owner, party: `client:${owner}` };
  const { party } = await requireScope(parts, ctx, scope);
  return { owner: parts.operatorId, party };
}

async function requireScope(parts: RequestParts, ctx: Context, scope: string): Promise<Subject> {
  const outcome = await parts.guard.check(ctx.req, [{ resourceId: parts.resourceId(), scopes: [scope] }]);
  if (outcome.kind === 'granted') return outcome.subject;
  if (outcome.kind === 'denied') throw new ProtocolError(403, 'access_denied', outcome.decision.reason);
  // One RPT serves to look and to decide: the queue is the operator's alone.
  const { headers } = await parts.guard.challenge(
    [{ resourceId: parts.resourceId(), scopes: ['read', 'approve'] }],
    ctx.req,
  );
  throw new ProtocolError(401, 'unauthorized', 'an RPT for this resource is needed', headers);
}

const MAX_PAGE = 500;
const STATES: readonly string[] = [
  'pending',
  'approved',
  'denied',
  'used',
  'expired',
] satisfies ApprovalRequest['state'][];

/** `state`, `limit` (500 when absent, and at most), `before`: the last id of the page before. */
function readFilter(ctx: Context): Omit<ApprovalFilter, 'owner'> {
  const { state, limit = String(MAX_PAGE), before, ...others } = singleValues(new URLSearchParams(ctx.querystring));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalidRequest('the parameters are state, limit and before');
  if (state !== undefined && !STATES.includes(state)) throw invalidRequest(`state is one of ${STATES.join(', ')}`);
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > MAX_PAGE)
    throw invalidRequest(`limit is a number from 1 to ${MAX_PAGE}`);
  if (before !== undefined && !UUID.test(before)) throw invalidRequest('before is the id of a request');
  return {
    limit: Number(limit),
    ...(state !== undefined && { state: state as ApprovalRequest['state'] }),
    ...(before !== undefined && { before }),
  };
}

/** An optional JSON body `{reason}`. */
async function readReason(ctx: Context): Promise<string | undefined> {
  if (!ctx.request.length && ctx.get('transfer-encoding') === '') return undefined;
  const body = await readJson(ctx);
  if (!isVerdict(body)) throw invalidRequest(problems(isVerdict.errors).join('; '));
  return body.reason;
}

function shown(request: ApprovalRequest, nowMs: number): Record<string, unknown> {
  return {
    id: request.id,
    party: request.party,
    client_id: request.clientId,
    resource: { id: request.resourceId, ...request.resource },
    scopes: request.scopes,
    reason: request.reason,
    policies: request.policies,
    state: stateOf(request, nowMs),
    created_at: request.createdAt.toISOString(),
    expires_at: request.expiresAt.toISOString(),
    ...(request.decidedAt !== null && { decided_at: request.decidedAt.toISOString(), decided_by: request.decidedBy }),
    ...(request.decisionReason !== null && { decision_reason: request.decisionReason }),
  };
}

function stateOf(request: ApprovalRequest, nowMs: number): string {
  const lapsed = request.state === 'pending' || request.state === 'approved';
  return lapsed && request.expiresAt.getTime() <= nowMs ? 'expired' : request.state;
}
