import type { Chain } from '../chain/chain.js';
import { type Listening, type Route, serve } from '../http.js';
import type { Relay } from '../relay.js';
import { blockRoutes } from './block-routes.js';
import { eventRoutes } from './event-routes.js';
import { nodeRoutes } from './node-routes.js';
import { type BeaconFaults, NO_BEACON_FAULTS, type NodeView } from './node-view.js';
import { poolRoutes } from './pool-routes.js';
import { stateRoutes } from './state-routes.js';
import { validatorRoutes } from './validator-routes.js';

export interface BeaconNode {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  faults: BeaconFaults;
  close(): Promise<void>;
}

/** One Beacon API server over the one simulated chain, answering as its implementation. */
export async function startBeaconNode(
  of: { readonly name: string; readonly implementation: string; readonly port: number },
  chain: Chain,
  relay: Relay,
): Promise<BeaconNode> {
  const node: { faults: BeaconFaults } = { faults: NO_BEACON_FAULTS };
  const view: NodeView = { ...of, chain, relay, faults: () => node.faults };
  const routes: Route[] = [
    ...nodeRoutes(view),
    ...stateRoutes(view),
    ...blockRoutes(view),
    ...validatorRoutes(view),
    ...poolRoutes(view),
    ...eventRoutes(view),
  ];
  const listening: Listening = await serve(of.port, routes, () => (node.faults.down ? 'drop' : undefined));
  return Object.assign(node, {
    name: of.name,
    implementation: of.implementation,
    uri: listening.uri,
    close: () => listening.close(),
  });
}
