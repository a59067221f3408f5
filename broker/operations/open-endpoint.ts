import type { EntityManager } from 'typeorm';
import type { BrokerDeps } from '../deps.js';
import { readParameters } from '../parameters.js';
import type { ServiceBinding } from '../service-binding.js';
import type { ServiceInstance } from '../service-instance.js';

/** Tells the gateway of an rpc binding, in the caller's transaction. A binding's own origins win over its instance's. */
export async function openEndpoint(
  deps: BrokerDeps,
  manager: EntityManager,
  instance: ServiceInstance,
  binding: ServiceBinding,
): Promise<void> {
  const plan = deps.catalog.known(binding.serviceId, binding.planId);
  if (!plan?.limits || !binding.tokenHash || !binding.expiresAt)
    throw new Error(`binding ${binding.id} is no rpc binding`);
  const of = readParameters(instance.parameters);
  const allowedOrigins = readParameters(binding.parameters).allowedOrigins ?? of.allowedOrigins;
  await deps.rpc.open(
    {
      bindingId: binding.id,
      resourceId: binding.resourceId,
      groups: plan.groups,
      limits: plan.limits,
      tokenHash: binding.tokenHash,
      expiresAt: binding.expiresAt,
      ...(allowedOrigins ? { allowedOrigins } : {}),
      ...(of.validatorInstanceId === undefined ? {} : { validatorInstanceId: of.validatorInstanceId }),
    },
    manager,
  );
}
