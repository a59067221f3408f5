import type { EntityManager } from 'typeorm';
import type { BrokerDeps } from '../deps.js';
import { badRequest, OsbError } from '../errors.js';
import { Operation } from '../operation.js';
import { ServiceInstance } from '../service-instance.js';
import { insertOperation, lockInstance, removeInstance, runningOperation, unbindAll } from './rows.js';
import { isOfFleet } from './wish.js';

export interface DeprovisionRequest {
  readonly instanceId: string;
  readonly serviceId: string;
  readonly planId: string;
  readonly acceptsIncomplete: boolean;
}

export type Deprovisioned =
  | { readonly outcome: 'deleted' }
  | { readonly outcome: 'accepted'; readonly operation: string };

/**
 * OSB 2.17, Deprovisioning: in any state, also during creation, which it halts (requirements 20, 21). Bindings die at
 * once (26); a wish ends at once; no key changes its place.
 * @throws OsbError `BadRequest`, `Gone`, `AsyncRequired`.
 */
export function deprovision(deps: BrokerDeps, request: DeprovisionRequest): Promise<Deprovisioned> {
  return deps.serially(request.instanceId, () =>
    deps.dataSource.transaction((manager) => begin(deps, manager, request)),
  );
}

export const gone = () => new OsbError('Gone', 'no such instance');

async function begin(deps: BrokerDeps, manager: EntityManager, request: DeprovisionRequest): Promise<Deprovisioned> {
  const instance = await lockInstance(manager, request.instanceId);
  if (!instance) throw gone();
  if (request.serviceId !== instance.serviceId) throw badRequest('service_id is not this instance’s');
  const running = await runningOperation(manager, instance.id);
  const planIds = [instance.planId, running?.target?.planId];
  if (!planIds.includes(request.planId)) throw badRequest('plan_id is not this instance’s');
  const waits = instance.kind !== 'rpc' || request.acceptsIncomplete;
  if (waits && !request.acceptsIncomplete)
    throw new OsbError('AsyncRequired', 'deleting an instance of this plan takes time: send accepts_incomplete=true');
  if (running?.kind === 'deprovision') return { outcome: 'accepted', operation: running.id };
  const finishedAt = new Date(deps.clock.nowMs());
  if (running)
    await manager.update(
      Operation,
      { id: running.id },
      { state: 'failed', description: 'halted: the instance is being deleted', finishedAt, leaseUntil: null },
    );
  await unbindAll(deps, manager, instance);
  if (isOfFleet(instance.kind)) await deps.fleet.end(instance.id, manager);
  if (!waits) {
    await removeInstance(deps, manager, instance);
    return { outcome: 'deleted' };
  }
  await manager.update(ServiceInstance, { id: instance.id }, { state: 'deprovisioning' });
  const operation = await insertOperation(manager, {
    instanceId: instance.id,
    kind: 'deprovision',
    description: 'deleting; its bindings no longer work',
  });
  return { outcome: 'accepted', operation };
}
