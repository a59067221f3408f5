import type { Pair } from '../contract.js';
import { servesPair } from '../exposure.js';
import type { FleetKey } from '../fleet-state.js';
import type { Inventory, ValidatorClient } from '../inventory.js';

/** Validator clients of the pair, in the region when one is asked. */
export function clientsFor(pair: Pair, region: string | undefined, inventory: Inventory): ValidatorClient[] {
  const regionOf = new Map(inventory.sites.map((site) => [site.name, site.region]));
  return inventory.validatorClients.filter(
    (client) => servesPair(client, pair, inventory) && (region === undefined || regionOf.get(client.site) === region),
  );
}

/** The one that is up with most room; undefined when all are full or down. */
export function destination(
  pair: Pair,
  region: string | undefined,
  keys: Iterable<FleetKey>,
  inventory: Inventory,
  usable: ReadonlySet<string>,
): ValidatorClient | undefined {
  const held = new Map<string, number>();
  for (const { validatorClient } of keys) held.set(validatorClient, (held.get(validatorClient) ?? 0) + 1);
  const room = (client: ValidatorClient) => client.capacity - (held.get(client.name) ?? 0);
  const [best] = clientsFor(pair, region, inventory)
    .filter((client) => usable.has(client.name) && room(client) > 0)
    .sort((a, b) => room(b) - room(a) || (a.name < b.name ? -1 : 1));
  return best;
}

/** Keys the pair's validator clients can still take, when those already promised have come. */
export function roomFor(
  pair: Pair,
  region: string | undefined,
  keys: readonly FleetKey[],
  inventory: Inventory,
  usable: ReadonlySet<string>,
): number {
  const clients = clientsFor(pair, region, inventory).filter(({ name }) => usable.has(name));
  const names = new Set(clients.map(({ name }) => name));
  const capacity = clients.reduce((sum, client) => sum + client.capacity, 0);
  const taken = keys.filter(
    ({ validatorClient, allocation }) =>
      names.has(validatorClient) ||
      (allocation?.consensus === pair.consensus && allocation.execution === pair.execution),
  );
  return capacity - taken.length;
}
