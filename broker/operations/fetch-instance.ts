import type { BrokerDeps } from '../deps.js';
import { busy, OsbError } from '../errors.js';
import type { ServiceInstance } from '../service-instance.js';
import { isOfFleet } from './wish.js';

export interface FetchedInstance {
  readonly instance: ServiceInstance;
  /** What a staker may read of the wish; absent for other kinds. */
  readonly wish?: { readonly status: string; readonly description: string; readonly publicKeys: readonly string[] };
}

/**
 * OSB 2.17, Fetching a Service Instance.
 * @throws OsbError `NotFound` until it has been created, `ConcurrencyError` while it changes.
 */
export async function fetchInstance(deps: BrokerDeps, instance: ServiceInstance): Promise<FetchedInstance> {
  switch (instance.state) {
    case 'provisioning':
    case 'failed':
      throw new OsbError('NotFound', 'the instance has not been created');
    case 'updating':
      throw busy('the instance is being updated');
    case 'deprovisioning':
      throw busy('the instance is being deleted');
    case 'ready': {
      if (!isOfFleet(instance.kind)) return { instance };
      const { status, description, publicKeys } = await deps.fleet.progress(instance.id);
      return { instance, wish: { status, description, publicKeys } };
    }
  }
}
