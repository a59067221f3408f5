import { Command } from 'commander';
import { operatorClient } from './operator-client.js';
import { print } from './print.js';

/** `ovsb pause`: no new move starts; those underway go on. */
export function pauseCommand(): Command {
  return new Command('pause')
    .description('start no new move; those underway go on to their end')
    .option('--reason <text>', 'why; ovsb fleet and GET /fleet/diversity show it')
    .option('--json', 'one JSON document on stdout')
    .action(async ({ reason, json }: { reason?: string; json?: boolean }) => {
      const { body } = await operatorClient().call('POST', '/fleet/pause', reason === undefined ? {} : { reason });
      print(json, body, [`moves are paused: ${String(body.reason)}`]);
    });
}

/** `ovsb resume`: acknowledges what paused the moves. */
export function resumeCommand(): Command {
  return new Command('resume')
    .description('acknowledge what paused the moves, and let them start again')
    .option('--json', 'one JSON document on stdout')
    .action(async ({ json }: { json?: boolean }) => {
      const { body } = await operatorClient().call('POST', '/fleet/resume', {});
      print(json, body, [body.paused ? `moves are still paused: ${String(body.reason)}` : 'moves may start']);
    });
}
