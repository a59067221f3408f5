import { Command } from 'commander';
import type { ListedOperation } from '../../broker/operations/list-operations.js';
import { operatorClient } from './operator-client.js';
import { print, table } from './print.js';

interface Options {
  readonly state?: string;
  readonly instance?: string;
  readonly json?: boolean;
}

/** `ovsb operations`: what the broker has been asked to do and how far it is, newest first. */
export function operationsCommand(): Command {
  return new Command('operations')
    .description('operations of service instances, newest first')
    .option('--state <state>', 'in progress, succeeded or failed')
    .option('--instance <id>', 'only those of this service instance')
    .option('--json', 'one JSON document on stdout')
    .action(async (options: Options) => {
      const query = new URLSearchParams({
        ...(options.state === undefined ? {} : { state: options.state }),
        ...(options.instance === undefined ? {} : { instance_id: options.instance }),
      });
      const { body } = await operatorClient().call('GET', `/broker/operations?${query.toString()}`);
      const { operations } = body as unknown as { operations: readonly ListedOperation[] };
      const rows = operations.map((operation) => [
        operation.created_at,
        operation.kind,
        operation.state,
        operation.plan,
        operation.instance_id,
        operation.description,
      ]);
      print(options.json, body, operations.length === 0 ? ['no operations'] : table(rows));
    });
}
