/** One validator client in a worker thread: its own store, its own port, no memory shared with anything. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ok, type Route, serve } from '../http.js';
import { BeaconApi } from './beacon-api.js';
import { Duties } from './duties.js';
import { FaultSet, type Faults } from './faults.js';
import { KeyStore } from './key-store.js';
import { authorizer, keymanagerRoutes } from './keymanager.js';
import { ProtectionStore } from './protection-store.js';
import { quirksOf } from './quirks.js';
import { registrationRoutes } from './registrations.js';
import { settingRoutes } from './settings.js';
import { followSlots, learnNetwork } from './slot-loop.js';

export interface WorkerSettings {
  readonly name: string;
  readonly implementation: string;
  readonly port: number;
  readonly folder: string;
  readonly tokenFile: string;
  readonly beaconUri: string;
}

export type ToWorker =
  | { readonly kind: 'faults'; readonly faults: Partial<Faults>; readonly id: number }
  | { readonly kind: 'status'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'ready'; readonly startedAt: number; readonly instanceId: string }
  | { readonly kind: 'status'; readonly id: number; readonly publicKeys: readonly string[]; readonly faults: Faults }
  | { readonly kind: 'failure'; readonly message: string };

const settings = workerData as WorkerSettings;
const started = { started_at: Date.now(), instance_id: randomUUID() };

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}

const faults = new FaultSet(settings.folder);
const keys = new KeyStore(settings.folder);
if (faults.current().resurrect_on_restart) keys.resurrect();
const api = new BeaconApi(settings.beaconUri, settings.name);
const network = await learnNetwork(api);
const protection = new ProtectionStore(settings.folder, network.genesisValidatorsRoot);
protection.register(keys.all().map((key) => key.publicKey));
const duties = new Duties(api, keys, protection, network.genesisValidatorsRoot);

const identity: Route = [
  'GET',
  '/ovsb/sandbox/identity',
  () => ok({ name: settings.name, implementation: settings.implementation, sandbox: true, ...started }),
];
const authorize = authorizer(readFileSync(settings.tokenFile, 'utf8').trim());
await serve(
  settings.port,
  [
    identity,
    ...keymanagerRoutes({
      keys,
      protection,
      faults,
      quirks: quirksOf(settings.implementation),
      settled: () => duties.settled(),
    }),
    ...settingRoutes(keys),
    ...registrationRoutes(keys, api),
  ],
  (message) => {
    if (faults.current().partition) return 'drop';
    return message.url === '/ovsb/sandbox/identity' ? undefined : authorize(message);
  },
);

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'faults') {
    faults.replace(message.faults);
    if (!faults.current().resurrect_on_restart) keys.forgetBuried();
  }
  const publicKeys = keys.all().map((key) => key.publicKey);
  tell({ kind: 'status', id: message.id, publicKeys, faults: faults.current() });
});
followSlots(network.clock, duties, (message) => tell({ kind: 'failure', message }));
tell({ kind: 'ready', startedAt: started.started_at, instanceId: started.instance_id });
