import { Command } from 'commander';
import { serve } from '../main.js';
import { configRequest, type ServeOptions, serveOptions } from '../serve-options.js';

/** `ovsb serve`: the broker on a real configuration; returns when it listens, ends by signal. */
export function serveCommand(): Command {
  return serveOptions(new Command('serve'))
    .description('run the broker on a real configuration, without the sandbox')
    .action((options: ServeOptions) => serve(configRequest('serve', options)));
}
