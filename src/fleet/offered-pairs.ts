import type { Pair } from './contract.js';
import { routesOf } from './exposure.js';
import type { Inventory } from './inventory.js';

/** Pairs that some validator client of the consensus implementation really follows: what a catalog may offer. Sorted. */
export function offeredPairs(inventory: Inventory): Pair[] {
  const names = new Set(
    inventory.validatorClients.flatMap((client) =>
      routesOf(client, inventory)
        .filter(({ beaconNode }) => beaconNode.implementation === client.implementation)
        .map(({ executionNode }) => `${client.implementation}/${executionNode.implementation}`),
    ),
  );
  return [...names].sort().map((name) => {
    const [consensus = '', execution = ''] = name.split('/');
    return { consensus, execution };
  });
}
