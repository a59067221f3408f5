import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigFaults } from '../load-config.js';
import { ROOT } from '../paths.js';
import { printFailure } from './print.js';

/** One line per command: its name and where it is, loaded only when it or the help is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.js')).serveCommand(),
  request: async () => (await import('./request.js')).requestCommand(),
  migrate: async () => (await import('./migrate.js')).migrateCommand(),
  policy: async () => (await import('./policy.js')).policyCommand(),
  catalog: async () => (await import('./catalog.js')).catalogCommand(),
  operations: async () => (await import('./operations.js')).operationsCommand(),
  doctor: async () => (await import('./doctor.js')).doctorCommand(),
  plan: async () => (await import('./plan.js')).planCommand(),
  moves: async () => (await import('./moves.js')).movesCommand(),
  pause: async () => (await import('./pause.js')).pauseCommand(),
  resume: async () => (await import('./pause.js')).resumeCommand(),
  fleet: async () => (await import('./fleet.js')).fleetCommand(),
  keys: async () => (await import('./keys.js')).keysCommand(),
  'validator-clients': async () => (await import('./validator-clients.js')).validatorClientsCommand(),
};

/** Every command, in the order of the help. */
export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}

/**
 * Runs one command. Exit code 0; 1 refused or failed; 2 usage.
 * @param argv without node and the script.
 */
export async function runCli(argv: string[]): Promise<void> {
  const program = new Command('ovsb')
    .description('Open Validator Service Broker')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
  const named = COMMANDS[argv[0] ?? ''];
  for (const command of named ? [await named()] : await allCommands()) program.addCommand(withoutExit(command));
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (failure) {
    if (failure instanceof CommanderError) process.exitCode = failure.exitCode === 0 ? 0 : 2;
    else {
      for (const fault of failure instanceof ConfigFaults ? failure.faults : [failure]) {
        printFailure(argv.includes('--json'), typeof fault === 'string' ? new Error(fault) : fault);
      }
      process.exitCode = 1;
    }
  }
}

/** Usage errors are thrown by every command below, too. */
function withoutExit(command: Command): Command {
  command.exitOverride().showHelpAfterError('(--help shows what there is)');
  command.commands.forEach(withoutExit);
  return command;
}

function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}
