import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DomainError } from '../errors.js';
import type { Logger } from '../logger.js';

/** Where the sandbox's parts are. Every URI is loopback and stays the same over restarts while its port is free. */
export interface SandboxInfo {
  /** YAML in the format of product.md, Inventory; rewritten at each start. */
  readonly inventoryPath: string;
  /** Every validator client's `token_file` lies below it. */
  readonly tokenFolder: string;
  /** `keystore-<0x public key>.json` (EIP-2335) with its password in `keystore-<0x public key>.txt`, 64 of each. */
  readonly vaultImport: string;
  readonly controlUri: string;
  /** builder-specs relay: POST and GET `/eth/v1/builder/validators`, DELETE `/eth/v1/builder/validators/{pubkey}`. */
  readonly relayUri: string;
  /** The one anvil itself, with its control methods. */
  readonly anvilUri: string;
  /** By execution implementation; the same URI serves WebSocket. */
  readonly executionUris: Readonly<Record<string, string>>;
  /** By beacon node name. */
  readonly beaconUris: Readonly<Record<string, string>>;
  readonly genesisTimeMs: number;
  readonly slotMs: number;
  readonly genesisValidatorsRoot: string;
  readonly genesisForkVersion: string;
  readonly currentForkVersion: string;
  readonly depositContract: string;
  readonly operatorAddress: string;
  readonly withdrawalCredentials: string;
}

export interface Sandbox extends SandboxInfo {
  /** Settles when the process has ended for any reason, with its exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves in under five seconds, when every part has ended. */
  stop(): Promise<void>;
}

export interface SandboxSettings {
  /** Absolute; the sandbox writes to `<dataDir>/sandbox` only. */
  readonly dataDir: string;
  /** Slot length in milliseconds. */
  readonly slotMs: number;
  /** Must be the sandbox's own chain id. */
  readonly chainId: number;
  readonly logger: Logger;
}

const SANDBOX_CHAIN_ID = 31337;
const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 4_500;

/**
 * Starts the sandbox fleet as a child process and waits until every part listens. The child ends when this process ends.
 * @throws DomainError `SandboxNotStarted`, `WrongChain`.
 */
export async function startSandbox(settings: SandboxSettings): Promise<Sandbox> {
  const { dataDir, slotMs, chainId, logger } = settings;
  if (chainId !== SANDBOX_CHAIN_ID)
    throw new DomainError('WrongChain', `the sandbox's chain id is ${SANDBOX_CHAIN_ID}`);
  const child = spawn(process.execPath, [fileURLToPath(new URL('./main.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_OPTIONS: '--enable-source-maps',
      OVSB_SANDBOX_SETTINGS: JSON.stringify({ dataDir, slotMs, logLevel: logger.level }),
    },
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code));
  });
  child.stdin.on('error', (error) => logger.debug({ reason: error.message }, 'sandbox: pipe closed'));
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(force);
  };
  try {
    const info = await firstLine(child.stdout, ended);
    return { ...info, ended, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function firstLine(stdout: NodeJS.ReadableStream, ended: Promise<number | null>): Promise<SandboxInfo> {
  const lines = createInterface({ input: stdout });
  const line = once(lines, 'line', { signal: AbortSignal.timeout(START_LIMIT_MS) });
  const first = await Promise.race([
    line,
    ended.then((code) => {
      throw new DomainError('SandboxNotStarted', `the sandbox ended with code ${code} while starting`);
    }),
  ]);
  return JSON.parse(String(first[0])) as SandboxInfo;
}
