import type { Chain } from '../chain/chain.js';
import { Refusal } from '../http.js';
import type { Relay } from '../relay.js';

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

export const NO_BEACON_FAULTS: BeaconFaults = { syncing: false, optimistic: false, blind: false, down: false };

/** What every route of one beacon node works on. */
export interface NodeView {
  readonly name: string;
  readonly implementation: string;
  readonly chain: Chain;
  readonly relay: Relay;
  faults(): BeaconFaults;
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
