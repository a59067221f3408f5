import type { Vault } from '../../../keys/vault/vault.js';
import type { InventorySource } from '../../inventory.js';
import type { Outside } from '../ports.js';
import { BeaconClient } from './beacon-client.js';
import { HttpCaller } from './http-call.js';
import { KeymanagerClient } from './keymanager-client.js';
import { notFoundIsNotActive } from './profile.js';
import { callRestartHook } from './restart-hook.js';
import { Restarts } from './restarts.js';

export interface OutsideDeps {
  readonly inventory: InventorySource;
  readonly vault: Vault;
  /** Placed keys of the fleet, which ought to be live. */
  readonly controls: () => Promise<readonly string[]>;
  readonly nowMs: () => number;
  /** How long a restart waits for more keys that need one. */
  readonly restartGatherMs: number;
}

/** The real outside: validator clients, beacon nodes and hooks over HTTP. */
export function createOutside(deps: OutsideDeps): Outside & { close(): Promise<void> } {
  const { inventory, vault, nowMs } = deps;
  const http = new HttpCaller();
  const keymanager = new KeymanagerClient(inventory, http);
  const beacon = new BeaconClient(inventory, http, deps.controls, nowMs);
  const entry = (client: string) => inventory().validatorClients.find(({ name }) => name === client);
  const restarts = new Restarts(
    (client) => callRestartHook(entry(client)?.restart, http, nowMs),
    deps.restartGatherMs,
    nowMs,
  );

  return {
    listKeys: (client) => keymanager.list(client),
    deleteKey: (client, publicKey, lease) => keymanager.delete(client, publicKey, lease),
    async importKey(client, publicKey, mark, genesisValidatorsRoot, lease) {
      const copy = await vault.export(publicKey);
      if (!copy) return { outcome: 'refused', reason: 'the vault has no keystore of the key' };
      return keymanager.import(client, copy, publicKey, mark, genesisValidatorsRoot, lease);
    },
    restart: (client, sinceMs) => restarts.after(client, sinceMs),
    readSettings: (client, publicKey) => keymanager.readSettings(client, publicKey),
    writeSettings: (client, publicKey, settings, lease) => keymanager.writeSettings(client, publicKey, settings, lease),
    identify: (client) => keymanager.identify(client),
    async notFoundIsNotActive(client) {
      const listed = entry(client);
      const node = inventory().beaconNodes.find(
        ({ name, implementation }) => listed?.beaconNodes.includes(name) && implementation === listed.implementation,
      );
      return (
        listed !== undefined &&
        node !== undefined &&
        notFoundIsNotActive(listed.implementation, await beacon.version(node))
      );
    },
    chain: () => beacon.chain(),
    liveness: (publicKey, epoch) => beacon.liveness(publicKey, epoch),
    standing: (publicKey) => beacon.standing(publicKey),
    dutySoon: (publicKey) => beacon.dutySoon(publicKey),
    keystoreOpens: (publicKey) => vault.opens(publicKey),
    close: () => http.close(),
  };
}
