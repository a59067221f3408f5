import { Command } from 'commander';
import { type App, createApp } from './app.js';
import type { Config } from './config.js';
import { DataDirectoryInUse } from './database/data-directory-lock.js';
import { reasonOf } from './errors.js';
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

/** Reads the configuration, builds the app, listens, and stops at SIGTERM, SIGINT or SIGHUP. */
export async function serve(request: ConfigRequest): Promise<void> {
  process.umask(0o077);
  const stopped = stopSignal();
  try {
    const config = loadConfig(request);
    const logger = createLogger(config.logLevel);
    const app = await createApp(config, logger);
    stopped.then(() => stop(app, logger)).catch(fail);
    await app.listen();
    console.log(welcome(config));
  } catch (failure) {
    fail(failure);
  }
}

/** Resolves at the first signal; further ones (npm sends SIGTERM twice) change nothing. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}

async function stop(app: App, logger: Logger): Promise<void> {
  const timer = setTimeout(() => {
    logger.error('not stopped in time, leaving');
    process.exit(1);
  }, LONGEST_STOP_MS);
  await app.close();
  clearTimeout(timer);
  process.exit(0);
}

function fail(failure: unknown): never {
  const lines = failure instanceof ConfigFaults ? failure.faults : [reasonOf(failure)];
  for (const line of lines) process.stderr.write(`ovsb: ${line}\n`);
  if (!(failure instanceof ConfigFaults || failure instanceof DataDirectoryInUse) && failure instanceof Error) {
    process.stderr.write(`${failure.stack}\n`);
  }
  process.exit(1);
}

function welcome(config: Config): string {
  const lines = [
    `Open Validator Service Broker${config.sandbox ? ' (sandbox: simulated chain and keys, never real ones)' : ''}`,
    `  console      ${config.publicUrl}/`,
    `  catalog      ${config.publicUrl}/v2/catalog`,
    `  issuer       ${config.publicUrl}/authz`,
    `  credentials  ${config.dataDir}/credentials.json`,
  ];
  if (config.sandbox)
    lines.push('Try next, in another terminal:', '  npx --no ovsb request --plan validator-nimbus/geth');
  return lines.join('\n');
}
