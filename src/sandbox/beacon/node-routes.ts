import { CHAIN_ID, configSpec, DEPOSIT_CONTRACT_ADDRESS, FORK_VERSIONS } from '../chain/spec.js';
import { ok, type Route } from '../http.js';
import type { NodeView } from './node-view.js';

/** The beginning of each implementation's version string as the real one writes it. */
const VERSIONS: Readonly<Record<string, string>> = {
  lighthouse: 'Lighthouse/v8.0.0-sandbox',
  prysm: 'Prysm/v6.1.4-sandbox',
  teku: 'teku/v25.11.0-sandbox',
  nimbus: 'Nimbus/v25.11.0-sandbox',
  lodestar: 'Lodestar/v1.36.0-sandbox',
  grandine: 'Grandine/2.0.0-sandbox',
};

/** `/eth/v1/node/*`, `/eth/v1/config/*` and genesis. */
export function nodeRoutes(view: NodeView): Route[] {
  const { chain } = view;
  return [
    ['GET', '/eth/v1/node/version', () => ok({ data: { version: versionOf(view.implementation) } })],
    [
      'GET',
      '/eth/v1/node/identity',
      () =>
        ok({
          data: { peer_id: `sandbox-${view.name}`, enr: '', p2p_addresses: [], discovery_addresses: [], metadata: {} },
        }),
    ],
    ['GET', '/eth/v1/node/syncing', () => ok({ data: syncing(view) })],
    ['GET', '/eth/v1/node/health', () => ({ status: view.faults().syncing ? 206 : 200 })],
    [
      'GET',
      '/eth/v1/node/peer_count',
      () => ok({ data: { disconnected: '0', connecting: '0', connected: '11', disconnecting: '0' } }),
    ],
    [
      'GET',
      '/eth/v1/beacon/genesis',
      () =>
        ok({
          data: {
            genesis_time: String(Math.floor(chain.clock.genesisMs / 1000)),
            genesis_validators_root: chain.genesisValidatorsRoot,
            genesis_fork_version: FORK_VERSIONS.genesis,
          },
        }),
    ],
    ['GET', '/eth/v1/config/spec', () => ok({ data: configSpec(chain.clock.slotMs) })],
    [
      'GET',
      '/eth/v1/config/deposit_contract',
      () => ok({ data: { chain_id: String(CHAIN_ID), address: DEPOSIT_CONTRACT_ADDRESS } }),
    ],
    ['GET', '/eth/v1/config/fork_schedule', () => ok({ data: [currentFork()] })],
  ];
}

function versionOf(implementation: string): string {
  return VERSIONS[implementation] ?? `${implementation}/v0.0.0-sandbox`;
}

export function currentFork() {
  return { previous_version: FORK_VERSIONS.deneb, current_version: FORK_VERSIONS.electra, epoch: '0' };
}

function syncing(view: NodeView) {
  const { syncing: behind, optimistic } = view.faults();
  const slot = view.chain.clock.slot();
  return {
    head_slot: String(behind ? Math.max(0, slot - 64) : slot),
    sync_distance: behind ? '64' : '0',
    is_syncing: behind,
    is_optimistic: optimistic,
    el_offline: false,
  };
}
