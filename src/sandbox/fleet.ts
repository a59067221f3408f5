/** Puts the sandbox's parts together: chain, nodes, validator clients, referee, relay, control. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { type BeaconNode, startBeaconNode } from './beacon/beacon-node.js';
import { Chain } from './chain/chain.js';
import { genesisKeys, genesisTime, genesisValidatorsRoot } from './chain/genesis.js';
import { SlotClock } from './chain/slot-clock.js';
import { DEPOSIT_CONTRACT_ADDRESS, FORK_VERSIONS, OPERATOR_ADDRESS, WITHDRAWAL_CREDENTIALS } from './chain/spec.js';
import { Validators } from './chain/validators.js';
import { controlRoutes } from './control.js';
import { startAnvil } from './execution/anvil.js';
import { ensureDepositContract, followDeposits } from './execution/deposits.js';
import { type ExecutionNode, startExecutionNode } from './execution/execution-node.js';
import { writeDurably } from './files.js';
import { clientFolder, prepareClients, tokenFile, writeVaultImport } from './first-start.js';
import { serve } from './http.js';
import { inventoryDocument } from './inventory-document.js';
import { executionParts, validatorParts } from './parts.js';
import { keepPorts } from './ports.js';
import { Referee } from './referee/referee.js';
import { Relay } from './relay.js';
import { foreignness, isLoopbackName } from './same-site.js';
import type { SandboxInfo } from './start.js';
import { ValidatorClientHandle } from './validator-client/validator-client.js';

export interface FleetSettings {
  /** The broker's data directory; everything here lies in `<dataDir>/sandbox`. */
  readonly dataDir: string;
  readonly slotMs: number;
}

export interface RunningFleet {
  readonly info: SandboxInfo;
  stop(): Promise<void>;
}

export async function startFleet(settings: FleetSettings, logger: Logger): Promise<RunningFleet> {
  const folder = join(settings.dataDir, 'sandbox');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const executions = executionParts();
  const validators = validatorParts();
  const ports = await keepPorts(folder, [
    'anvil',
    'control',
    'relay',
    ...executions.map((part) => part.name),
    ...validators.flatMap((part) => [part.beaconNode, part.name]),
  ]);
  const port = (part: string): number => {
    const kept = ports[part];
    if (kept === undefined) throw new Error(`no port was chosen for ${part}`);
    return kept;
  };
  const uri = (part: string): string => `http://127.0.0.1:${port(part)}`;

  const anvilStarting = startAnvil(join(folder, 'anvil'), port('anvil'), logger);
  const keys = genesisKeys();
  prepareClients(folder, validators, keys);
  const { genesisMs, slotMs } = genesisTime(folder, settings.slotMs, systemClock);
  const publicKeys = keys.map((key) => key.publicKey);
  const validatorsRoot = genesisValidatorsRoot(publicKeys);
  const referee = Referee.open(join(folder, 'referee'));
  const clock = new SlotClock(systemClock, genesisMs, slotMs);
  const chain = new Chain(folder, clock, validatorsRoot, new Validators(folder, publicKeys), referee);
  const relay = new Relay(folder);

  const beaconNodes = new Map<string, BeaconNode>();
  for (const part of validators) {
    const of = { name: part.beaconNode, implementation: part.implementation, port: port(part.beaconNode) };
    beaconNodes.set(part.beaconNode, await startBeaconNode(of, chain, relay));
  }
  const validatorClients = new Map(
    validators.map((part) => [
      part.name,
      new ValidatorClientHandle(
        {
          name: part.name,
          implementation: part.implementation,
          port: port(part.name),
          folder: clientFolder(folder, part.name),
          tokenFile: tokenFile(folder, part.name),
          beaconUri: uri(part.beaconNode),
        },
        logger,
      ),
    ]),
  );
  const clientsStarting = Promise.all([...validatorClients.values()].map((client) => client.start()));
  const [vaultImport] = await Promise.all([writeVaultImport(folder, keys), clientsStarting]);

  const anvil = await anvilStarting;
  const executionNodes = new Map<string, ExecutionNode>();
  for (const part of executions) {
    const of = { name: part.name, implementation: part.implementation, port: port(part.name) };
    executionNodes.set(part.name, await startExecutionNode(of, anvil.uri));
  }
  await ensureDepositContract(anvil.uri);
  const stopDeposits = followDeposits(anvil.uri, chain, (thrown) =>
    logger.debug({ reason: reasonOf(thrown) }, 'sandbox: deposits not read'),
  );

  const relayServer = await serve(port('relay'), relay.routes());
  const fleet = { chain, referee, validatorClients, beaconNodes, executionNodes, uri };
  const control = await serve(port('control'), controlRoutes(fleet), (message) => {
    const reason = isLoopbackName(message.headers.host) ? foreignness(message.headers) : 'Host is not a loopback name';
    return reason ? { status: 403, body: { code: 403, message: reason } } : undefined;
  });

  const inventoryPath = join(folder, 'inventory.yaml');
  const places = { controlUri: control.uri, uri, tokenFile: (name: string) => tokenFile(folder, name) };
  writeDurably(inventoryPath, inventoryDocument(executions, validators, places));

  return {
    info: {
      inventoryPath,
      tokenFolder: join(folder, 'validator-clients'),
      vaultImport,
      controlUri: control.uri,
      relayUri: relayServer.uri,
      anvilUri: anvil.uri,
      executionUris: Object.fromEntries(executions.map((part) => [part.implementation, uri(part.name)])),
      beaconUris: Object.fromEntries(validators.map((part) => [part.beaconNode, uri(part.beaconNode)])),
      genesisTimeMs: genesisMs,
      slotMs,
      genesisValidatorsRoot: validatorsRoot,
      genesisForkVersion: FORK_VERSIONS.genesis,
      currentForkVersion: FORK_VERSIONS.electra,
      depositContract: DEPOSIT_CONTRACT_ADDRESS,
      operatorAddress: OPERATOR_ADDRESS,
      withdrawalCredentials: WITHDRAWAL_CREDENTIALS,
    },
    stop: async () => {
      stopDeposits();
      await Promise.all([
        anvil.stop(),
        control.close(),
        relayServer.close(),
        ...[...validatorClients.values()].map((client) => client.stop()),
      ]);
      await Promise.all([...beaconNodes.values(), ...executionNodes.values()].map((node) => node.close()));
      chain.close();
      referee.close();
    },
  };
}
