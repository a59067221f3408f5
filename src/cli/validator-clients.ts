import { Command } from 'commander';
import { operatorClient } from './operator-client.js';
import { print, table } from './print.js';

interface Client {
  readonly name: string;
  readonly implementation: string;
  readonly execution?: string;
  readonly keys: number;
  readonly capacity: number;
  readonly state: string;
  readonly detail?: string;
}

/** `ovsb validator-clients`: each validator client with its keys and state. */
export function validatorClientsCommand(): Command {
  return new Command('validator-clients')
    .description('validator clients with their execution node, keys and state')
    .option('--json', 'one JSON document on stdout')
    .action(async ({ json }: { json?: boolean }) => {
      const clients = (await operatorClient().call('GET', '/fleet/validator-clients')).body as unknown as Client[];
      const rows = clients.map((client) => [
        client.name,
        client.implementation,
        client.execution ?? '',
        `${client.keys}/${client.capacity}`,
        client.state,
        client.detail ?? '',
      ]);
      print(json, clients, table([['name', 'implementation', 'execution', 'keys', 'state', ''], ...rows]));
    });
}
