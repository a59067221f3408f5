import { dirname, join } from 'node:path';
import type { DataSource } from 'typeorm';
import { systemClock } from './clock.js';
import type { Closers } from './closers.js';
import type { Config } from './config.js';
import type { DocumentsInForce } from './database/documents-in-force.js';
import { reasonOf } from './errors.js';
import { createFleet, type Fleet, openInventory, provenStake, sandboxStake } from './fleet/index.js';
import { withoutRefused } from './fleet/inventory/without-refused.js';
import { MevBoost } from './fleet/mev-boost/mev-boost.js';
import { Relay } from './fleet/mev-boost/relay.js';
import { createMoves } from './fleet/moves/create-moves.js';
import type { Moves } from './fleet/moves/index.js';
import type { Job } from './job.js';
import type { DataKey } from './keys/data-key.js';
import { createLedger } from './keys/slashing-protection/ledger.js';
import { assertBlsNative } from './keys/vault/assert-bls-native.js';
import { createVault } from './keys/vault/vault.js';
import type { Logger } from './logger.js';
import type { Sandbox } from './sandbox/start.js';
import type { Seal } from './seal.js';

export interface FleetParts {
  readonly fleet: Fleet;
  readonly moves: Moves;
  readonly mevBoost: MevBoost | undefined;
  readonly jobs: readonly Job[];
  /** The first look, before the broker is ready; one that is not whole is tried again in the background. */
  firstLook(): Promise<void>;
  /** Whether what policies ask of the fleet is known, or has at least been looked for. */
  factsReady(): boolean;
}

export interface FleetSurroundings {
  readonly config: Config;
  readonly dataSource: DataSource;
  readonly dataKey: DataKey;
  readonly seal: Seal;
  readonly documents: DocumentsInForce;
  readonly sandbox: Sandbox | undefined;
  readonly logger: Logger;
  readonly closers: Closers;
}

const NONE: ReadonlySet<string> = new Set();

/** Moves of provisioning in flight at once (broker.md, "Fixed here"). */
const PROVISIONING_IN_FLIGHT = 16;

/** Keys, moves and fleet over one inventory. In the sandbox its keystores are imported, as an operator would do once. */
export async function openFleet(surroundings: FleetSurroundings): Promise<FleetParts> {
  const { config, dataSource, dataKey, seal, sandbox, logger, closers } = surroundings;
  assertBlsNative();
  const writableByOthers = sandbox ? 'warn' : 'refuse';
  const paths = [sandbox?.inventoryPath, config.inventoryPath].filter((path) => path !== undefined);
  // In the sandbox outside parts may bring their tokens from anywhere; elsewhere tokens lie beside the inventory (C3).
  const tokenFolders = sandbox ? ['/'] : paths.map((path) => dirname(path));
  const inventory = openInventory({ paths, tokenFolders, writableByOthers, clock: systemClock, logger });
  const vault = createVault(dataSource, dataKey);
  if (sandbox) await vault.importFolder(sandbox.vaultImport);
  const ledger = createLedger(dataSource);
  let looked: Fleet | undefined;
  const moves = createMoves({
    dataSource,
    vault,
    ledger,
    inventory: withoutRefused(inventory.source, () => looked?.refusedBeaconNodes() ?? NONE),
    clock: systemClock,
    logger,
    seal,
  });
  closers.add('moves', () => moves.close());
  const diversityPath = join(config.policiesDir, 'diversity.yaml');
  const fleet = createFleet({
    dataSource,
    moves,
    inventory,
    diversityPath,
    network: {
      chainId: config.chainId,
      ...(sandbox && { genesisValidatorsRoot: sandbox.genesisValidatorsRoot }),
    },
    stake: sandbox ? sandboxStake({}) : provenStake(),
    poolTokens: config.stakeSources,
    clock: systemClock,
    logger,
    seal,
    provisioningInFlight: PROVISIONING_IN_FLIGHT,
    writableByOthers,
  });
  looked = fleet;
  closers.add('fleet', () => fleet.close());
  const { documents } = surroundings;
  documents.watch({ name: 'diversity targets', paths: [diversityPath], hash: () => fleet.targetsHash() });
  const own = config.inventoryPath;
  if (own !== undefined) documents.watch({ name: 'inventory', paths: [own], hash: () => inventory.hash(own) });
  const mevBoost =
    sandbox &&
    new MevBoost({
      dataSource,
      vault,
      relay: new Relay(sandbox.relayUri),
      genesisForkVersion: sandbox.genesisForkVersion,
      clock: systemClock,
    });
  const jobs = [...movers(moves), ...fleet.jobs];
  let whole = false;
  let again: NodeJS.Timeout | undefined;
  closers.add('first look', async () => clearTimeout(again));
  const firstLook = async (): Promise<void> => {
    whole = await runOnce(jobs, FIRST_LOOK, logger);
    if (!whole) again = setTimeout(() => void firstLook(), LOOK_AGAIN_MS).unref();
  };
  return { fleet, moves, mevBoost, jobs, firstLook, factsReady: () => whole || fleet.facts.known() };
}

/** Who holds which key, then what state every node is in. */
const FIRST_LOOK = ['adopt', 'look'];
const FIRST_LOOK_LIMIT_MS = 8_000;
const LOOK_AGAIN_MS = 5_000;

/** Whether all of them came to their end in time. Never throws. */
async function runOnce(jobs: readonly Job[], names: readonly string[], logger: Logger): Promise<boolean> {
  let whole = true;
  const signal = AbortSignal.timeout(FIRST_LOOK_LIMIT_MS);
  for (const name of names) {
    try {
      await jobs.find((job) => job.name === name)?.run(signal);
    } catch (failure) {
      whole = false;
      logger.warn(
        { job: name, reason: reasonOf(failure) },
        'the first look is not whole; it goes on in the background',
      );
    }
  }
  return whole && !signal.aborted;
}

function movers(moves: Moves): Job[] {
  return [
    { name: 'adopt', schedule: '*/10 * * * * *', run: (signal) => moves.adopt(signal) },
    { name: 'reconcile', schedule: '*/15 * * * * *', run: (signal) => moves.reconcile(signal) },
    { name: 'advance', schedule: '* * * * * *', run: (signal) => moves.advance(signal) },
  ];
}
