import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { readCatalog } from '../../broker/catalog/read.js';
import { DomainError, reasonOf } from '../errors.js';
import { ROOT } from '../paths.js';
import { operatorClient } from './operator-client.js';
import { print, table } from './print.js';

interface Options {
  readonly json?: boolean;
}

interface Offered {
  readonly services: readonly {
    readonly name: string;
    readonly plans: readonly { readonly name: string; readonly description: string }[];
  }[];
}

/** `ovsb catalog`: what the running broker offers; `ovsb catalog check`: whether a catalog document is good. */
export function catalogCommand(): Command {
  const command = new Command('catalog')
    .description('what the running broker offers')
    .option('--json', 'one JSON document on stdout')
    .action(async (options: Options) => {
      const { body } = await operatorClient().call('GET', '/v2/catalog');
      const { services } = body as unknown as Offered;
      const plans = services.flatMap((service) =>
        service.plans.map((plan) => [`${service.name}/${plan.name}`, plan.description]),
      );
      print(options.json, body, table(plans));
    });
  command
    .command('check')
    .description('check a catalog document: every fault with file:line:column')
    .addArgument(
      new Argument('[file]', 'the document').default(join(ROOT, 'config', 'catalog.yaml'), 'config/catalog.yaml'),
    )
    .option('--json', 'one JSON document on stdout')
    .action((file: string, _options: Options, self: Command) => check(file, self.optsWithGlobals<Options>()));
  return command;
}

function check(file: string, options: Options): void {
  const { services } = readCatalog(read(file), file);
  const plans = services.reduce((sum, service) => sum + service.plans.length, 0);
  const facts = { file, services: services.length, plans };
  print(options.json, facts, [`${file}: ${services.length} services, ${plans} plans, no faults`]);
}

function read(file: string): string {
  try {
    return readFileSync(resolve(file), 'utf8');
  } catch (cause) {
    throw new DomainError('NoCatalog', `cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}
