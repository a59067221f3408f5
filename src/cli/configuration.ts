import type { Command } from 'commander';
import type { Config } from '../config.js';
import { type ConfigRequest, loadConfig } from '../load-config.js';

export interface ConfigurationOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export function configurationOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (default: OVSB_CONFIG, else the sandbox)')
    .option('--json', 'one JSON document on stdout');
}

/** The configuration the broker would have: a named file is a real one, none at all the sandbox. */
export function configurationOf(options: ConfigurationOptions): Config {
  const file = options.config ?? process.env.OVSB_CONFIG;
  const request: ConfigRequest = { mode: file ? 'serve' : 'sandbox', environment: process.env };
  return loadConfig(file ? { ...request, file } : request);
}
