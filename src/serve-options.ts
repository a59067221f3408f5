import type { Command } from 'commander';
import type { Config } from './config.js';
import type { ConfigRequest } from './load-config.js';

/** The flags of `ovsb serve` and of `npm start --`. */
export interface ServeOptions {
  readonly config?: string;
  readonly enableValidatorApi?: boolean;
  readonly persistPassword?: boolean;
}

export function serveOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (default: OVSB_CONFIG)')
    .option('--enable-validator-api', 'reserved for the Validator API; this version does not serve it')
    .option('--persist-password', 'reserved, as --enable-validator-api');
}

export function configRequest(mode: Config['mode'], options: ServeOptions): ConfigRequest {
  return {
    mode,
    environment: process.env,
    ...(options.config === undefined ? {} : { file: options.config }),
    validatorApi: { enabled: options.enableValidatorApi ?? false, persistPassword: options.persistPassword ?? false },
  };
}
