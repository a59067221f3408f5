import type { EntityManager } from 'typeorm';
import type { Subject } from '../../authz/index.js';
import type { Plan } from '../catalog/plan.js';
import type { BrokerDeps } from '../deps.js';
import { badRequest, busy, OsbError } from '../errors.js';
import { sameJson } from '../json.js';
import type { UpdateTarget } from '../operation.js';
import { originOn } from '../origin.js';
import { checkParameters, readParameters } from '../parameters.js';
import type { UpdateBody } from '../schema.js';
import { type Parameters, ServiceInstance } from '../service-instance.js';
import { requirePlanVersion } from './maintenance.js';
import { requirePermit } from './permit.js';
import { instanceResource, requireAsync } from './provision.js';
import { insertOperation, lockInstance, runningOperation } from './rows.js';
import { requireOwnUpstream } from './upstream.js';
import { isOfFleet, wishOf } from './wish.js';

export interface UpdateRequest {
  readonly instanceId: string;
  readonly body: UpdateBody;
  readonly acceptsIncomplete: boolean;
}

export type Updated = { readonly outcome: 'updated' } | { readonly outcome: 'accepted'; readonly operation: string };

/**
 * OSB 2.17, Updating: an absent plan stays, absent parameters stay. A refusal, now or later, changes nothing.
 * @throws OsbError `BadRequest`, `Forbidden`, `NotFound`, `AsyncRequired`, `ConcurrencyError`, `MaintenanceInfoConflict`;
 * the fleet's DomainErrors.
 */
export function update(deps: BrokerDeps, subject: Subject, request: UpdateRequest): Promise<Updated> {
  return deps.serially(request.instanceId, async () => {
    const { manager } = deps.dataSource;
    const instance = await manager.findOneBy(ServiceInstance, { id: request.instanceId });
    if (!instance) throw new OsbError('NotFound', 'no such instance');
    const { plan, target } = asked(deps, instance, request.body);
    const running = await runningOperation(manager, instance.id);
    if (running) {
      if (running.kind !== 'update' || !sameJson(running.target, target))
        throw busy('another operation on this instance is in progress');
      requireAsync(plan, request.acceptsIncomplete, 'updating');
      return { outcome: 'accepted', operation: running.id };
    }
    if (instance.state === 'failed') throw badRequest('creating this instance failed: it can only be deleted');
    if (sameJson(target, targetOf(instance))) return { outcome: 'updated' };
    const planChanges = target.planId !== instance.planId;
    const settled = planChanges || !sameJson(target.parameters, instance.parameters);
    if (settled) requireAsync(plan, request.acceptsIncomplete, 'updating');
    await requirePermits(deps, subject, instance, plan, target);
    return deps.dataSource.transaction((transaction) => begin(deps, transaction, request, plan, target));
  });
}

/** What the instance would become, checked as far as the request alone tells. */
function asked(deps: BrokerDeps, instance: ServiceInstance, body: UpdateBody): { plan: Plan; target: UpdateTarget } {
  if (body.service_id !== instance.serviceId) throw badRequest('service_id is not this instance’s');
  const current = deps.catalog.known(instance.serviceId, instance.planId);
  const planId = body.plan_id ?? instance.planId;
  const plan = planId === instance.planId ? current : deps.catalog.offered(instance.serviceId, planId);
  if (!plan) throw badRequest('plan_id names no plan of this service that is offered now');
  if (planId !== instance.planId && !current?.updateable) throw badRequest('the plan of this instance cannot change');
  requirePlanVersion(plan, body.maintenance_info);
  if (body.parameters) checkParameters(plan.schemas.update, body.parameters);
  const parameters = merged(instance.parameters, body.parameters ?? {});
  readParameters(parameters);
  const upgraded = body.maintenance_info?.version !== undefined || planId !== instance.planId;
  return {
    plan,
    target: {
      planId,
      planKey: plan.key,
      parameters,
      maintenanceVersion: upgraded ? plan.maintenance.version : instance.maintenanceVersion,
    },
  };
}

/** Named keys replace a number of keys and the other way round; everything else is kept when it is absent. */
function merged(before: Parameters, given: Parameters): Parameters {
  const kept = { ...before };
  if ('keys' in given && !('public_keys' in given)) delete kept.public_keys;
  if ('public_keys' in given && !('keys' in given)) delete kept.keys;
  return { ...kept, ...given };
}

const targetOf = (instance: ServiceInstance): UpdateTarget => ({
  planId: instance.planId,
  planKey: instance.planKey,
  parameters: instance.parameters,
  maintenanceVersion: instance.maintenanceVersion,
});

/** The update of the instance, and of a changed plan its creation, as if asked for anew. */
async function requirePermits(
  deps: BrokerDeps,
  subject: Subject,
  instance: ServiceInstance,
  plan: Plan,
  target: UpdateTarget,
): Promise<void> {
  const { parameters } = target;
  const added = readParameters(parameters).keys - readParameters(instance.parameters).keys;
  const addedKeys = isOfFleet(plan.kind) && added > 0 ? { addedKeys: added } : {};
  const { resourceId } = instance;
  const instanceId = instance.id;
  const origin = originOn(subject, instance);
  await requirePermit(deps, subject, { instanceId, resourceId, scope: 'update', parameters, origin, ...addedKeys });
  if (target.planId === instance.planId) return;
  const planResourceId = deps.resources.plan(plan);
  await requirePermit(deps, subject, {
    instanceId,
    resourceId: planResourceId,
    scope: 'instance:create',
    parameters,
    origin,
    ...addedKeys,
  });
}

async function begin(
  deps: BrokerDeps,
  manager: EntityManager,
  request: UpdateRequest,
  plan: Plan,
  target: UpdateTarget,
): Promise<Updated> {
  const instance = await lockInstance(manager, request.instanceId);
  if (instance?.state !== 'ready') throw busy('another operation on this instance is in progress');
  const changed = !sameJson(target.parameters, instance.parameters) || target.planId !== instance.planId;
  await requireOwnUpstream(manager, instance.owner, target.parameters);
  if (changed && isOfFleet(plan.kind)) await deps.fleet.change(wishOf(instance, plan, target.parameters), manager);
  const waits = changed && (plan.kind !== 'rpc' || request.acceptsIncomplete);
  const operation = await insertOperation(manager, {
    instanceId: instance.id,
    kind: 'update',
    description: waits ? `updating to ${plan.title}` : 'updated',
    target,
    ...(waits ? {} : { finishedAt: new Date(deps.clock.nowMs()) }),
  });
  if (waits) {
    await manager.update(ServiceInstance, { id: instance.id }, { state: 'updating' });
    return { outcome: 'accepted', operation };
  }
  await applyUpdate(deps, manager, instance, target);
  return { outcome: 'updated' };
}

/**
 * The update is true now, for the instance and what policies know of it. Bindings are as they were made: an rpc
 * endpoint takes new parameters when it is rotated.
 */
export async function applyUpdate(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
  target: UpdateTarget,
): Promise<void> {
  const plan = deps.catalog.known(instance.serviceId, target.planId);
  if (plan && !(plan.id === instance.planId && sameJson(target.parameters, instance.parameters))) {
    const maker = { ...instance, party: instance.owner, parameters: target.parameters };
    await deps.protection.ensure(instanceResource(instance.id, maker, plan), manager);
  }
  Object.assign(instance, target, { state: 'ready' });
  await manager.save(instance);
}
