/** What the broker's answers look like (OSB 2.17). */
import type { BrokerDeps } from './deps.js';
import type { FetchedInstance } from './operations/fetch-instance.js';
import type { ServiceBinding } from './service-binding.js';

const dashboardPath = (instanceId: string) => `/console/instances/${encodeURIComponent(instanceId)}`;

export const dashboardUrl = (deps: Pick<BrokerDeps, 'publicUrl'>, instanceId: string) =>
  `${deps.publicUrl}${dashboardPath(instanceId)}`;

export function presentInstance(deps: Pick<BrokerDeps, 'publicUrl'>, { instance, wish }: FetchedInstance) {
  return {
    service_id: instance.serviceId,
    plan_id: instance.planId,
    dashboard_url: dashboardUrl(deps, instance.id),
    parameters: instance.parameters,
    maintenance_info: { version: instance.maintenanceVersion },
    metadata: {
      labels: {},
      attributes: {
        plan: instance.planKey,
        ...(wish ? { wish: wish.status, wish_description: wish.description, public_keys: wish.publicKeys } : {}),
      },
    },
  };
}

export function presentBinding(deps: Pick<BrokerDeps, 'publicUrl'>, binding: ServiceBinding, credentials: object) {
  const { protocol, hostname, port } = new URL(deps.publicUrl);
  const defaultPort = protocol === 'https:' ? '443' : '80';
  return {
    ...(binding.expiresAt && binding.renewBefore
      ? { metadata: { expires_at: binding.expiresAt.toISOString(), renew_before: binding.renewBefore.toISOString() } }
      : {}),
    credentials,
    ...(binding.tokenHash
      ? { endpoints: [{ host: hostname, ports: [port === '' ? defaultPort : port], protocol: 'tcp' }] }
      : {}),
  };
}
