import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { CHAIN_ID } from '../chain/spec.js';
import { rpc } from './rpc.js';

const BLOCK_SECONDS = 2;
const READY_TIMEOUT_MS = 45_000;
const STATE_INTERVAL_SECONDS = 10;

/**
 * Runs anvil under a shell that reads a pipe from us: the pipe ends when this process ends, however it ends, and the
 * shell then asks anvil to write its state and kills it within a second. So no orphan keeps the port.
 */
const WATCHDOG = '"$@" & P=$!; (cat <&3 >/dev/null; kill -INT $P; sleep 1; kill -9 $P) 2>/dev/null & wait $P';

export interface Anvil {
  readonly uri: string;
  stop(): Promise<void>;
}

/** Starts the one execution chain; continues from its last written state. A state it cannot read is put aside. */
export async function startAnvil(folder: string, port: number, logger: Logger): Promise<Anvil> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const state = join(folder, 'state.json');
  try {
    return await run(folder, state, port);
  } catch (thrown) {
    if (!existsSync(state)) throw thrown;
    logger.warn({ reason: reasonOf(thrown) }, 'sandbox: anvil refused its state; starting a new execution chain');
    renameSync(state, `${state}.refused`);
    return run(folder, state, port);
  }
}

async function run(folder: string, state: string, port: number): Promise<Anvil> {
  const options = {
    host: '127.0.0.1',
    port,
    'chain-id': CHAIN_ID,
    'block-time': BLOCK_SECONDS,
    state,
    'state-interval': STATE_INTERVAL_SECONDS,
    'cache-path': join(folder, 'cache'),
    'max-persisted-states': 0,
  };
  const named = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const argv = [binary(), ...named, '--mixed-mining', '--silent', '--no-cors'];
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', ...argv], {
    cwd: folder,
    env: { HOME: folder, PATH: process.env.PATH ?? '/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => {
    shell.on('exit', () => resolve());
    shell.on('error', () => resolve());
  });
  const uri = `http://127.0.0.1:${port}`;
  await ready(uri, shell);
  return {
    uri,
    stop: async () => {
      shell.stdio[3]?.destroy();
      await ended;
    },
  };
}

async function ready(uri: string, shell: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last: unknown;
  while (Date.now() < deadline && shell.exitCode === null) {
    try {
      const chainId = await rpc<string>(uri, 'eth_chainId', []);
      if (Number(chainId) === CHAIN_ID) return;
      last = new Error(`port answers with chain ${chainId}`);
    } catch (thrown) {
      last = thrown;
    }
    await sleep(50);
  }
  shell.stdio[3]?.destroy();
  throw new DomainError('AnvilNotReady', `anvil did not start: ${reasonOf(last)}`);
}

/** The platform package's own binary; the package's launcher would stand between us and the process. */
function binary(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const require = createRequire(import.meta.url);
  const anvil = createRequire(require.resolve('@foundry-rs/anvil/package.json'));
  const manifest = anvil.resolve(`@foundry-rs/anvil-${process.platform}-${architecture}/package.json`);
  return join(dirname(manifest), 'bin', 'anvil');
}
