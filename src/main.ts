import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { App } from './app.js';
import type { Config } from './config.js';
import { DataDirectoryInUse, type DataDirectoryLock, lockDataDirectory } from './database/data-directory-lock.js';
import { DomainError, reasonOf } from './errors.js';
import { assertAddressFree } from './http/address-free.js';
import { ConfigFaults, type ConfigRequest, loadConfig } from './load-config.js';
import { createLogger, type Logger } from './logger.js';
import { configRequest, type ServeOptions, serveOptions } from './serve-options.js';
import { stopSignal } from './stop-signal.js';

/** SIGTERM must end us within 10 s, and half-way through a start the event loop may be late. */
const LONGEST_BUILD_MS = 2_000;
const LONGEST_CLOSE_MS = 7_000;
const LAST_ONE_MS = 6_000;

/** `npm start`: the broker with the sandbox fleet. `argv` are the flags after `npm start --`. */
export async function main(argv: string[]): Promise<void> {
  const command = serveOptions(new Command('npm start --').description('runs the broker with the sandbox fleet'));
  command.action((options: ServeOptions) => serve(configRequest('sandbox', options)));
  await command.parseAsync(argv, { from: 'user' });
}

/** Reads the configuration, builds the app, listens, and stops at a signal, also half-way through. */
export async function serve(request: ConfigRequest): Promise<void> {
  process.umask(0o077);
  const signal = stopSignal(fail);
  let building: Promise<App> | undefined;
  try {
    const config = loadConfig(request);
    const logger = createLogger(config.logLevel);
    const lock = await lockWhenFree(config.dataDir, logger);
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

/** One that is being stopped gets a moment: who kills npm and starts again at once must not be refused. */
async function lockWhenFree(dataDir: string, logger: Logger): Promise<DataDirectoryLock> {
  for (const deadlineMs = performance.now() + LAST_ONE_MS; ; await sleep(250)) {
    try {
      return await lockDataDirectory(dataDir, (reason) => {
        logger.fatal({ reason }, 'the lock on the data directory was taken away, stopping');
        process.kill(process.pid, 'SIGTERM');
      });
    } catch (failure) {
      if (!(failure instanceof DataDirectoryInUse) || performance.now() > deadlineMs) throw failure;
    }
  }
}

/** What is still being built is left to its watchdogs: whatever the broker starts ends by itself when the broker is gone. */
async function stop(building: Promise<App> | undefined, logger: Logger): Promise<void> {
  const unfinished = setTimeout(() => process.exit(0), LONGEST_BUILD_MS);
  const app = await building;
  clearTimeout(unfinished);
  const timer = setTimeout(() => {
    logger.error('not stopped in time, leaving');
    process.exit(1);
  }, LONGEST_CLOSE_MS);
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
