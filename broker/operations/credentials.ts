/** product.md, Binding credentials. */
import type { ValidatorEndpoint } from '../../src/fleet/index.js';
import type { Plan } from '../catalog/plan.js';
import type { BrokerDeps } from '../deps.js';
import { busy } from '../errors.js';

export function rpcCredentials(
  deps: Pick<BrokerDeps, 'publicUrl' | 'chainId' | 'issuer'>,
  made: {
    readonly bindingId: string;
    readonly resourceId: string;
    readonly plan: Plan;
    readonly token: string;
    readonly expiresAt: Date;
  },
) {
  const uri = `${deps.publicUrl}/rpc/${encodeURIComponent(made.bindingId)}`;
  return {
    uri,
    ws_uri: uri.replace(/^http/, 'ws'),
    chain_id: deps.chainId,
    groups: made.plan.groups,
    resource_id: made.resourceId,
    authorization_server: deps.issuer,
    bearer_token: made.token,
    expires_at: made.expiresAt.toISOString(),
  };
}

/** @throws OsbError `ConcurrencyError` while the fleet knows no home of the keys. */
export function validatorCredentials(deps: Pick<BrokerDeps, 'publicUrl'>, endpoint: ValidatorEndpoint | undefined) {
  if (!endpoint) throw busy('the keys of this instance are on their way');
  return {
    public_keys: endpoint.publicKeys,
    implementation: endpoint.implementation,
    beacon_api_uri: endpoint.beaconApiUri,
    ...(endpoint.keymanagerUri === undefined ? {} : { keymanager_uri: endpoint.keymanagerUri }),
    assignments_uri: `${deps.publicUrl}/assignments`,
  };
}
