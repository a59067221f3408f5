import { Command } from 'commander';
import type { App } from './app.js';
import type { Config } from './config.js';
import { DataDirectoryInUse, lockDataDirectory } from './database/data-directory-lock.js';
import { DomainError, reasonOf } from './errors.js';
import { assertAddressFree } from './http/address-free.js';
import { ConfigFaults, type ConfigRequest, loadConfig } from './load-config.js';
import { createLogger, type Logger } from './logger.js';
import { configRequest, type ServeOptions, serveOptions } from './serve-options.js';

/** SIGTERM must end us within 10 s. */
const LONGEST_STOP_MS = 9_000;

/** `npm start`: the broker with the sandbox fleet. `argv` are the flags after `npm start --`. */
export async function main(argv: string[]): Promise<void> {
  const command = serveOptions(new Command('npm start --').description('runs the broker with the sandbox fleet'));
  command.action((options: ServeOptions) => serve(configRequest('sandbox', options)));
  await command.parseAsync(argv, { from: 'user' });
}

/** Reads the configuration, builds the app, listens, and stops at SIGTERM, SIGINT or SIGHUP, also half-way through. */
export async function serve(request: ConfigRequest): Promise<void> {
  process.umask(0o077);
  const signal = stopSignal();
  let building: Promise<App> | undefined;
  try {
    const config = loadConfig(request);
    const logger = createLogger(config.logLevel);
    const lock = await lockDataDirectory(config.dataDir, (reason) => {
      logger.fatal({ reason }, 'the lock on the data directory was taken away, stopping');
      process.kill(process.pid, 'SIGTERM');
    });
    process.once('exit', () => lock.release());
    await assertAddressFree(config.host, config.port);
    // Loaded only now: what refuses a start is told at once, and alone.
    const { examineDocuments } = await import('./examine-documents.js');
    await examineDocuments(config);
    const { createApp } = await import('./app.js');
    if (signal.came()) process.exit(0);
    building = createApp(config, logger);
    signal.act(() => stop(building, logger));
    const app = await building;
    if (signal.came()) return;
    await app.listen();
    console.log(welcome(config));
  } catch (failure) {
    // What fails because it is being stopped is no failure: stop() ends the process.
    if (signal.came() && building) return;
    await building?.then(
      (app) => app.close(),
      () => undefined,
    );
    fail(failure);
  }
}

interface StopSignal {
  came(): boolean;
  /** Also when it came already; further signals (npm sends SIGTERM twice) change nothing. */
  act(work: () => Promise<void>): void;
}

function stopSignal(): StopSignal {
  let came = false;
  const first = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        came = true;
        resolve();
      });
    }
  });
  return { came: () => came, act: (work) => void first.then(work).catch(fail) };
}

async function stop(building: Promise<App> | undefined, logger: Logger): Promise<void> {
  const timer = setTimeout(() => {
    logger.error('not stopped in time, leaving');
    process.exit(1);
  }, LONGEST_STOP_MS);
  const app = await building;
  await app?.close();
  clearTimeout(timer);
  process.exit(0);
}

function fail(failure: unknown): never {
  const lines = failure instanceof ConfigFaults ? failure.faults : [reasonOf(failure)];
  for (const line of lines) process.stderr.write(`ovsb: ${line}\n`);
  if (failure instanceof Error && !isRefusal(failure)) process.stderr.write(`${failure.stack}\n`);
  process.exit(1);
}

/** Meant for people as it is: a stack would only hide it. */
function isRefusal(failure: Error): boolean {
  return [ConfigFaults, DataDirectoryInUse, DomainError].some((kind) => failure instanceof kind);
}

function welcome(config: Config): string {
  const lines = [
    `Open Validator Service Broker${config.sandbox ? ' (sandbox: simulated chain and keys, never real ones)' : ''}`,
    `  catalog      ${config.publicUrl}/v2/catalog`,
    `  issuer       ${config.publicUrl}/authz`,
    `  credentials  ${config.dataDir}/credentials.json`,
  ];
  if (config.sandbox)
    lines.push('Try next, in another terminal:', '  npx --no ovsb request --plan validator-nimbus/geth');
  return lines.join('\n');
}
