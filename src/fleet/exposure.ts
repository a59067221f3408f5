import type { Pair } from './contract.js';
import type { BeaconNode, ExecutionNode, Inventory, ValidatorClient } from './inventory.js';
import type { Exposure } from './planner/model.js';

/** A beacon node a validator client follows, with the execution node behind it. */
export interface Route {
  readonly beaconNode: BeaconNode;
  readonly executionNode: ExecutionNode;
}

/** In the order the validator client lists them; the first is the one it uses most. */
export function routesOf(client: ValidatorClient, inventory: Inventory): Route[] {
  return client.beaconNodes.flatMap((name) => {
    const beaconNode = inventory.beaconNodes.find((node) => node.name === name);
    const executionNode = inventory.executionNodes.find((node) => node.name === beaconNode?.executionNode);
    return beaconNode && executionNode ? [{ beaconNode, executionNode }] : [];
  });
}

/** Consensus exposure is that of the beacon nodes followed, execution exposure that of the nodes behind them (fleet.md). */
export function exposureOf(client: ValidatorClient, inventory: Inventory): Exposure[] {
  const routes = routesOf(client, inventory);
  const parts = new Map<string, { consensus: string; execution: string; weight: number }>();
  for (const { beaconNode, executionNode } of routes) {
    const [consensus, execution] = [beaconNode.implementation, executionNode.implementation];
    const part = parts.get(`${consensus}/${execution}`) ?? { consensus, execution, weight: 0 };
    part.weight += 1 / routes.length;
    parts.set(`${consensus}/${execution}`, part);
  }
  return [...parts.values()];
}

/** Of the implementation, following a beacon node of it with an execution node of the pair's behind (product.md). */
export function servesPair(client: ValidatorClient, pair: Pair, inventory: Inventory): boolean {
  return (
    client.implementation === pair.consensus &&
    routesOf(client, inventory).some(
      ({ beaconNode, executionNode }) =>
        beaconNode.implementation === pair.consensus && executionNode.implementation === pair.execution,
    )
  );
}
