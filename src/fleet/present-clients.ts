import { routesOf } from './exposure.js';
import type { FleetKey } from './fleet-state.js';
import type { Inventory } from './inventory.js';
import type { NodeState } from './look/node-state.js';

/** Body of `GET /fleet/validator-clients`. `state` is that of the validator client and of the nodes it follows, the worst of them. */
export function presentClients(inventory: Inventory, keys: readonly FleetKey[], states: readonly NodeState[]) {
  const held = new Map<string, number>();
  for (const { validatorClient } of keys) held.set(validatorClient, (held.get(validatorClient) ?? 0) + 1);
  const found = new Map(states.map((state) => [`${state.kind} ${state.name}`, state]));
  const sites = new Map(inventory.sites.map((site) => [site.name, site]));
  return inventory.validatorClients.map((client) => {
    const routes = routesOf(client, inventory);
    const own = found.get(`validator_client ${client.name}`);
    const nodes = routes.flatMap(({ beaconNode, executionNode }) => [
      found.get(`beacon_node ${beaconNode.name}`),
      found.get(`execution_node ${executionNode.name}`),
    ]);
    const worst =
      nodes.find((state) => state?.state === 'refused') ??
      [own, ...nodes].find((state) => state?.state === 'down') ??
      nodes.find((state) => state?.state === 'syncing') ??
      own;
    return {
      name: client.name,
      implementation: client.implementation,
      consensus: routes[0]?.beaconNode.implementation,
      execution: routes[0]?.executionNode.implementation,
      beacon_api_uri: routes[0]?.beaconNode.uri,
      beacon_nodes: client.beaconNodes,
      site: client.site,
      region: sites.get(client.site)?.region,
      capacity: client.capacity,
      keys: held.get(client.name) ?? 0,
      signer: client.signer,
      state: worst?.state ?? 'unknown',
      ...(worst && worst.state !== 'up' && { detail: `${worst.name}: ${worst.detail}` }),
    };
  });
}
