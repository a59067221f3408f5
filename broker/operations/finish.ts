import type { EntityManager } from 'typeorm';
import type { BrokerDeps } from '../deps.js';
import { isFinalRefusal } from '../errors.js';
import type { Operation, OperationProgress } from '../operation.js';
import type { ServiceInstance } from '../service-instance.js';
import { type Claim, lockClaimed } from './claim.js';
import { lockInstance, removeInstance } from './rows.js';
import { applyUpdate } from './update.js';
import { isOfFleet, wishOf } from './wish.js';

/** Records the end of an operation and what follows from it, in one transaction, if the claim still holds. */
export async function finishOperation(deps: BrokerDeps, claim: Claim, progress: OperationProgress): Promise<void> {
  await deps.dataSource.transaction(async (manager) => {
    const instance = await lockInstance(manager, claim.instanceId);
    const operation = await lockClaimed(manager, claim);
    if (!instance || !operation) return;
    operation.state = progress.state;
    operation.description = progress.description;
    operation.finishedAt = new Date(deps.clock.nowMs());
    operation.leaseUntil = null;
    await consequences(deps, manager, instance, operation);
    deps.logger.info(
      { instanceId: instance.id, operation: operation.id, kind: operation.kind, state: operation.state },
      'operation finished',
    );
  });
}

async function consequences(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
  operation: Operation,
): Promise<void> {
  const succeeded = operation.state === 'succeeded';
  switch (operation.kind) {
    case 'provision':
      instance.state = succeeded ? 'ready' : 'failed';
      if (!succeeded && isOfFleet(instance.kind)) await deps.fleet.end(instance.id, manager);
      await manager.save(instance);
      break;
    case 'update':
      if (succeeded && operation.target) await applyUpdate(deps, manager, instance, operation.target);
      else operation.instanceUsable = await reverted(deps, manager, instance, operation);
      break;
    case 'deprovision':
      if (succeeded) return removeInstance(deps, manager, instance);
      instance.state = 'failed';
      operation.instanceUsable = false;
      await manager.save(instance);
      break;
  }
  await manager.save(operation);
}

/**
 * A failed update changes nothing (requirement 6): the fleet is asked again for what the instance was. False when the
 * fleet refuses even that; the operation then says so.
 */
async function reverted(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
  operation: Operation,
): Promise<boolean> {
  const plan = deps.catalog.known(instance.serviceId, instance.planId);
  instance.state = 'ready';
  await manager.save(instance);
  if (!plan || !isOfFleet(instance.kind)) return true;
  try {
    // A transaction inside a transaction is a savepoint: a refusal leaves nothing half done.
    await manager.transaction((inner) => deps.fleet.change(wishOf(instance, plan, instance.parameters), inner));
    return true;
  } catch (error) {
    if (!isFinalRefusal(error)) throw error;
    operation.description += `; what was before could not be restored: ${error.message}`;
    return false;
  }
}
