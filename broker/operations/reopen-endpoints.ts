import { type EntityManager, IsNull } from 'typeorm';
import type { BrokerDeps } from '../deps.js';
import { ServiceBinding } from '../service-binding.js';
import type { ServiceInstance } from '../service-instance.js';
import { openEndpoint } from './open-endpoint.js';

/** Live bindings of an updated rpc instance get endpoints by its new parameters; their credentials stay. */
export async function reopenEndpoints(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
): Promise<void> {
  const bindings = await manager.findBy(ServiceBinding, { instanceId: instance.id, expiredAt: IsNull() });
  for (const binding of bindings) {
    await deps.rpc.close(binding.id, manager);
    await openEndpoint(deps, manager, instance, binding);
  }
}
