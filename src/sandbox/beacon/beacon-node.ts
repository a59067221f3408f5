import type { Chain } from '../chain/chain.js';
import { type Listening, Refusal, type Route, serve } from '../http.js';
import type { Relay } from '../relay.js';
import { blockRoutes } from './block-routes.js';
import { eventRoutes } from './event-routes.js';
import { nodeRoutes } from './node-routes.js';
import { poolRoutes } from './pool-routes.js';
import { stateRoutes } from './state-routes.js';
import { validatorRoutes } from './validator-routes.js';

/** What a beacon node's faults do; all off at first, forgotten at a restart of the sandbox. */
export interface BeaconFaults {
  /** Says it is syncing, so that it is no witness. */
  syncing: boolean;
  /** Says that it follows an execution node optimistically. */
  optimistic: boolean;
  /** Reports nobody live: a false silence. */
  blind: boolean;
  /** Cuts every connection. */
  down: boolean;
}

export interface BeaconNode {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  faults: BeaconFaults;
  close(): Promise<void>;
}

export const NO_BEACON_FAULTS: BeaconFaults = { syncing: false, optimistic: false, blind: false, down: false };

/** What every route of one beacon node works on. */
export interface NodeView {
  readonly name: string;
  readonly implementation: string;
  readonly chain: Chain;
  readonly relay: Relay;
  faults(): BeaconFaults;
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

/** The envelope of answers that depend on the state. */
export function data(view: NodeView, value: unknown, extra: Readonly<Record<string, unknown>> = {}) {
  return {
    status: 200,
    body: { ...extra, execution_optimistic: view.faults().optimistic, finalized: false, data: value },
  };
}

/** A decimal number of the path or query that fits a safe integer. */
export function decimal(text: string | null | undefined, name: string): number {
  const value = Number(text);
  if (!text || !/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Refusal(400, `invalid ${name}`);
  return value;
}
