/** Reads and writes that several verbs share. */
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { BrokerDeps } from '../deps.js';
import { Operation, type OperationKind, type UpdateTarget } from '../operation.js';
import { ServiceBinding } from '../service-binding.js';
import { ServiceInstance } from '../service-instance.js';
import { Tombstone } from '../tombstone.js';

export const findInstance = (manager: EntityManager, id: string) => manager.findOneBy(ServiceInstance, { id });

/**
 * Requests for one id take turns, on every replica, until the transaction ends: also before there is a row to lock, so
 * that of parallel creations the later ones find the first one's row.
 */
export async function lockId(manager: EntityManager, kind: 'instance' | 'binding', id: string): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`broker ${kind} ${id}`]);
}

/** The row stays as it is until the transaction ends: verbs on one instance take turns. */
export const lockInstance = (manager: EntityManager, id: string) =>
  manager.findOne(ServiceInstance, { where: { id }, lock: { mode: 'pessimistic_write' } });

export const findBinding = (manager: EntityManager, instanceId: string, id: string) =>
  manager.findOneBy(ServiceBinding, { id, instanceId });

export const findTombstone = (manager: EntityManager, instanceId: string, bindingId = '') =>
  manager.findOneBy(Tombstone, { instanceId, bindingId });

export const runningOperation = (manager: EntityManager, instanceId: string) =>
  manager.findOneBy(Operation, { instanceId, state: 'in progress' });

export const latestOperation = (manager: EntityManager, instanceId: string) =>
  manager.findOne(Operation, { where: { instanceId }, order: { createdAt: 'DESC' } });

export async function insertOperation(
  manager: EntityManager,
  operation: {
    readonly instanceId: string;
    readonly kind: OperationKind;
    readonly description: string;
    readonly target?: UpdateTarget;
    /** Already over: nothing had to be waited for. */
    readonly finishedAt?: Date;
  },
): Promise<string> {
  const { finishedAt, target, ...rest } = operation;
  const saved = await manager.save(
    manager.create(Operation, {
      ...rest,
      target: target ?? null,
      state: finishedAt ? 'succeeded' : 'in progress',
      finishedAt: finishedAt ?? null,
    }),
  );
  return saved.id;
}

/** An INSERT and nothing else: what is there already is an error, never overwritten. */
export async function insertRow<T extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<T>,
  row: T,
): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(entity)
    .values(row as never)
    .execute();
}

/** In the caller's transaction: the credentials of every binding die with its commit. */
export async function unbindAll(deps: BrokerDeps, manager: EntityManager, instance: ServiceInstance): Promise<void> {
  const bindings = await manager.findBy(ServiceBinding, { instanceId: instance.id });
  for (const binding of bindings) await removeBinding(deps, manager, binding);
}

export async function removeBinding(deps: BrokerDeps, manager: EntityManager, binding: ServiceBinding): Promise<void> {
  if (binding.tokenHash) await deps.rpc.close(binding.id, manager);
  await deps.protection.withdraw(binding.resourceId, manager);
  await manager.delete(ServiceBinding, { id: binding.id });
  await bury(deps, manager, binding.instanceId, binding.id, binding.owner);
  deps.logger.info({ instanceId: binding.instanceId, bindingId: binding.id, party: binding.owner }, 'unbound');
}

export async function removeInstance(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
): Promise<void> {
  await deps.protection.withdraw(instance.resourceId, manager);
  await manager.delete(ServiceInstance, { id: instance.id });
  await bury(deps, manager, instance.id, '', instance.owner);
  deps.logger.info({ instanceId: instance.id, party: instance.owner, plan: instance.planKey }, 'instance deleted');
}

async function bury(deps: BrokerDeps, manager: EntityManager, instanceId: string, bindingId: string, owner: string) {
  const deletedAt = new Date(deps.clock.nowMs());
  await manager.upsert(Tombstone, { instanceId, bindingId, owner, deletedAt }, ['instanceId', 'bindingId']);
}

/** A deleted id is used again: what is polled now is the new one. */
export const exhume = (manager: EntityManager, instanceId: string, bindingId = '') =>
  manager.delete(Tombstone, { instanceId, bindingId });
