import type { BrokerDeps } from '../deps.js';
import { badRequest, OsbError } from '../errors.js';
import { findBinding, lockInstance, removeBinding } from './rows.js';

export interface UnbindRequest {
  readonly instanceId: string;
  readonly bindingId: string;
  readonly serviceId: string;
  readonly planId: string;
}

export const bindingGone = () => new OsbError('Gone', 'no such binding');

/**
 * OSB 2.17, Unbinding: endpoint and resource end in one transaction, so both kinds of credential die at once.
 * @throws OsbError `BadRequest`, `Gone`.
 */
export function unbind(deps: BrokerDeps, request: UnbindRequest): Promise<void> {
  return deps.serially(request.instanceId, () =>
    deps.dataSource.transaction(async (manager) => {
      await lockInstance(manager, request.instanceId);
      const binding = await findBinding(manager, request.instanceId, request.bindingId);
      if (!binding) throw bindingGone();
      if (request.serviceId !== binding.serviceId) throw badRequest('service_id is not this binding’s');
      if (request.planId !== binding.planId) throw badRequest('plan_id is not this binding’s');
      await removeBinding(deps, manager, binding);
    }),
  );
}
