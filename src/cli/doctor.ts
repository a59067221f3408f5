import { Command } from 'commander';
import { type ConfigurationOptions, configurationOptions } from './configuration.js';
import { examine, type Finding } from './examination.js';
import { print, table } from './print.js';

/** `ovsb doctor`: what only running can show. Exit code 1 when something is wrong. */
export function doctorCommand(): Command {
  return configurationOptions(new Command('doctor'))
    .description('check the configuration, data directory, database, clock and nodes')
    .action(async (options: ConfigurationOptions) => {
      const findings = await examine(options);
      const healthy = findings.every(({ outcome }) => outcome !== 'wrong');
      print(options.json, { healthy, findings }, table(findings.map(line)));
      if (!healthy) process.exitCode = 1;
    });
}

function line({ name, outcome, detail }: Finding): string[] {
  return [outcome, name, detail];
}
