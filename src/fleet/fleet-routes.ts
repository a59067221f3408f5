import Router, { type RouterContext } from '@koa/router';
import type { Middleware } from 'koa';
import type { DataSource } from 'typeorm';
import type { Guard, Subject } from '../../authz/index.js';
import { DomainError } from '../errors.js';
import { guardAnswer } from '../http/errors.js';
import { readJson } from '../http/read-json.js';
import type { Logger } from '../logger.js';
import { presentDiversity } from './diversity/present-diversity.js';
import { FLEET_STATUS, type FleetCode, isFleetError } from './fleet-errors.js';
import { isId, readMoveState, readPauseRequest, readPlanRequest } from './fleet-schema.js';
import type { CachedView } from './fleet-view.js';
import { NodeState } from './look/node-state.js';
import { approvePlan } from './plans/approve-plan.js';
import { presentPlan } from './plans/present-plan.js';
import { type PlanDeps, proposePlan } from './plans/propose-plan.js';
import { RebalancingPlan } from './plans/rebalancing-plan.js';
import { presentClients } from './present-clients.js';
import { presentEvidence, presentMove } from './present-move.js';
import { expandTargets } from './targets/expand-targets.js';

export interface FleetRoutesDeps extends PlanDeps {
  readonly dataSource: DataSource;
  readonly view: CachedView;
  readonly seal: { sealed(): string | undefined };
  readonly logger: Logger;
}

/** Plans computed at once, waiting ones included: each may take seconds. */
const MOST_PLANS_AT_ONCE = 8;

/** `/fleet/*` (product.md, Fleet API). `resourceId`: the authz resource of type `fleet`, key `fleet`. */
export function fleetRoutes(deps: FleetRoutesDeps, guard: Guard, resourceId: string): Router {
  const router = new Router({ prefix: '/fleet' });
  const may = (scope: 'read' | 'plan' | 'approve' | 'pause') => requirePermission(guard, resourceId, scope);
  let planning = 0;

  router.use(renderErrors);

  router.get('/diversity', may('read'), async (ctx) => {
    const { asOf, keys } = await deps.view.current();
    const [inventory, policy] = [deps.inventory(), deps.diversity()];
    const bounds = expandTargets(policy.targets, policy.groups, inventory);
    const paused = await deps.moves.paused();
    ctx.body = {
      ...presentDiversity({ asOf, keys, inventory, policy, bounds }),
      paused: paused ? { reason: paused.reason, since: paused.since.toISOString() } : null,
    };
  });

  router.post('/plans', may('plan'), async (ctx) => {
    const whatIf = readPlanRequest((await readJson(ctx.req)) ?? {}, Object.keys(deps.diversity().groups));
    if (planning >= MOST_PLANS_AT_ONCE) throw refusal('TooManyPlans', 'too many plans are being made; try again');
    planning += 1;
    try {
      const plan = await proposePlan(deps, whatIf);
      ctx.status = 201;
      ctx.body = await presentPlan(deps.dataSource, plan);
    } finally {
      planning -= 1;
    }
  });

  router.get('/plans/:id', may('read'), async (ctx) => {
    const id = ctx.params.id;
    const plan = isId(id) ? await deps.dataSource.getRepository(RebalancingPlan).findOneBy({ id }) : null;
    if (!plan) throw refusal('NoSuchPlan', 'there is no such plan');
    ctx.body = await presentPlan(deps.dataSource, plan);
  });

  router.post('/plans/:id/approve', may('approve'), async (ctx) => {
    const id = ctx.params.id;
    const sealed = deps.seal.sealed();
    if (sealed !== undefined) throw refusal('Sealed', sealed);
    if (!isId(id)) throw refusal('NoSuchPlan', 'there is no such plan');
    const { party } = ctx.state.subject as Subject;
    const plan = await approvePlan(deps, id, party);
    deps.logger.info({ planId: id, party }, 'plan approved');
    ctx.body = await presentPlan(deps.dataSource, plan);
  });

  router.get('/moves', may('read'), async (ctx) => {
    const state = readMoveState(ctx.query.state);
    ctx.body = { moves: (await deps.moves.list(state === undefined ? {} : { state })).map(presentMove) };
  });

  router.get('/moves/:id', may('read'), async (ctx) => {
    const id = ctx.params.id;
    const move = isId(id) ? await deps.moves.get(id) : undefined;
    if (!move) throw refusal('NoSuchMove', 'there is no such move');
    ctx.body = { ...presentMove(move), evidence: move.evidence.map(presentEvidence) };
  });

  router.post('/pause', may('pause'), async (ctx) => {
    const { reason } = readPauseRequest((await readJson(ctx.req)) ?? {});
    const { party } = ctx.state.subject as Subject;
    await deps.moves.pause(reason ?? `asked by ${party}`);
    deps.logger.info({ party, reason }, 'moves paused');
    ctx.body = await pauseState(deps);
  });

  router.post('/resume', may('pause'), async (ctx) => {
    await deps.moves.resume();
    deps.logger.info({ party: (ctx.state.subject as Subject).party }, 'moves resumed');
    ctx.body = await pauseState(deps);
  });

  router.get('/validator-clients', may('read'), async (ctx) => {
    const { keys } = await deps.view.current();
    ctx.body = presentClients(deps.inventory(), keys, await deps.dataSource.getRepository(NodeState).find());
  });

  return router;
}

async function pauseState({ moves }: FleetRoutesDeps) {
  const paused = await moves.paused();
  return paused ? { paused: true, reason: paused.reason, since: paused.since.toISOString() } : { paused: false };
}

/** Without the permission: 401 with a UMA ticket for exactly it, or 403 for a platform whose policies say no. */
function requirePermission(guard: Guard, resourceId: string, scope: string): Middleware {
  return async (ctx, next) => {
    const outcome = await guard.check(ctx.req, [{ resourceId, scopes: [scope] }]);
    if (outcome.kind === 'challenge') {
      ctx.status = 401;
      ctx.set({ ...outcome.challenge.headers });
      ctx.body = { error: 'unauthorized', description: `fleet needs the permission ${scope}` };
      return;
    }
    if (outcome.kind === 'denied') {
      ctx.status = 403;
      ctx.body = { error: 'denied', description: outcome.decision.reason };
      return;
    }
    ctx.state.subject = outcome.subject;
    await next();
  };
}

async function renderErrors(ctx: RouterContext, next: () => Promise<unknown>): Promise<void> {
  try {
    await next();
  } catch (thrown) {
    if (!isFleetError(thrown)) throw thrown;
    ctx.status = FLEET_STATUS[thrown.code];
    ctx.set(guardAnswer(thrown)?.headers ?? {});
    ctx.body = { error: thrown.code.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase(), description: thrown.message };
  }
}

function refusal(code: FleetCode, message: string): DomainError<FleetCode> {
  return new DomainError(code, message);
}
