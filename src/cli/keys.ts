import { Command } from 'commander';
import { operatorClient } from './operator-client.js';
import { print } from './print.js';

/** `ovsb keys`: the broker's own keys. */
export function keysCommand(): Command {
  return new Command('keys').description("the broker's own keys").addCommand(rotateSigningCommand());
}

function rotateSigningCommand(): Command {
  return new Command('rotate-signing')
    .description('sign RPTs with a new key from now on; those that live stay valid')
    .option('--leaked', 'forget the old keys at once: what they signed, or whoever has one signs, is worth nothing')
    .option('--json', 'one JSON document on stdout')
    .action(async ({ leaked = false, json }: { leaked?: boolean; json?: boolean }) => {
      const { body } = await operatorClient().call('POST', '/authz/keys/rotate', { leaked });
      const old = leaked ? 'the old ones are forgotten' : 'the old one verifies what it signed';
      print(json, body, [`RPTs are signed with ${String(body.kid)} from now on; ${old}`]);
    });
}
