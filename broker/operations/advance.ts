import type { BrokerDeps } from '../deps.js';
import { isFinalRefusal } from '../errors.js';
import { Operation, type OperationProgress, type UpdateTarget } from '../operation.js';
import { ServiceInstance } from '../service-instance.js';
import type { Claim } from './claim.js';
import { finishOperation } from './finish.js';
import { isOfFleet, registrationOf } from './wish.js';

/**
 * One step of a claimed operation: ask how far it is, and record the end when it has come. Idempotent: a step that was
 * cut short is taken again by whoever claims the operation next.
 * @returns what to tell people while it goes on; undefined when it is over.
 */
export async function advance(deps: BrokerDeps, claim: Claim, signal: AbortSignal): Promise<string | undefined> {
  const { manager } = deps.dataSource;
  const operation = await manager.findOneBy(Operation, { id: claim.operationId });
  const instance = await manager.findOneBy(ServiceInstance, { id: claim.instanceId });
  if (!operation || !instance) return undefined;
  const progress = overdue(deps, operation, instance) ?? (await progressOf(deps, operation, instance, signal));
  if (progress.state === 'in progress') return progress.description;
  await finishOperation(deps, claim, progress);
  return undefined;
}

async function progressOf(
  deps: BrokerDeps,
  operation: Operation,
  instance: ServiceInstance,
  signal: AbortSignal,
): Promise<OperationProgress> {
  try {
    return operation.kind === 'deprovision'
      ? await removal(deps, instance, signal)
      : await creation(deps, instance, operation.target, signal);
  } catch (error) {
    if (isFinalRefusal(error)) return { state: 'failed', description: `refused: ${error.message}` };
    throw error;
  }
}

async function creation(
  deps: BrokerDeps,
  instance: ServiceInstance,
  target: UpdateTarget | null,
  signal: AbortSignal,
): Promise<OperationProgress> {
  if (isOfFleet(instance.kind)) return deps.fleet.progress(instance.id);
  if (instance.kind === 'middleware') {
    if (!deps.middleware) return { state: 'failed', description: 'this broker runs no middleware any more' };
    return deps.middleware.configure(registrationOf(instance, target?.parameters ?? instance.parameters), signal);
  }
  return { state: 'succeeded', description: `${target?.planKey ?? instance.planKey} is ready` };
}

async function removal(deps: BrokerDeps, instance: ServiceInstance, signal: AbortSignal): Promise<OperationProgress> {
  if (instance.kind === 'middleware') await deps.middleware?.remove(instance.id, signal);
  return { state: 'succeeded', description: 'deleted' };
}

/** Platforms stop asking after the plan's maximum_polling_duration; what is not done by then has failed. */
function overdue(deps: BrokerDeps, operation: Operation, instance: ServiceInstance): OperationProgress | undefined {
  const plan = deps.catalog.known(instance.serviceId, operation.target?.planId ?? instance.planId);
  if (!plan || deps.clock.nowMs() - operation.createdAt.getTime() < plan.maximumPollingSeconds * 1000) return undefined;
  const description = `not finished within ${plan.maximumPollingSeconds} s: ${operation.description}`;
  return { state: 'failed', description };
}
