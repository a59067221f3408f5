import { Command } from 'commander';
import { runPolicyTests } from '../../authz/policy/policy-tests.js';
import { DomainError } from '../errors.js';
import { deciderOf, policiesOption, refusable } from './policy-folder.js';

/** `ovsb policy test`: runs tests/*.yaml beside the policies. Reads files only. */
export function policyTestCommand(): Command {
  return new Command('test')
    .description('run the tests beside the policies (tests/*.yaml)')
    .addOption(policiesOption('the policy folder'))
    .option('--json', 'one JSON document on stdout')
    .action((options: { policies: string; json?: boolean }) => refusable(options.json, () => test(options)));
}

async function test({ policies: folder, json }: { policies: string; json?: boolean }): Promise<void> {
  const results = await runPolicyTests(folder, await deciderOf(folder));
  if (results.length === 0) throw new DomainError('NoTests', `${folder}/tests holds no *.yaml with tests`);
  const failed = results.filter((result) => !result.passed);
  if (json === true)
    process.stdout.write(
      `${JSON.stringify({ passed: results.length - failed.length, failed: failed.length, tests: results })}\n`,
    );
  else {
    for (const { place, name, difference } of failed) process.stdout.write(`${place}: ${name}: ${difference}\n`);
    process.stdout.write(`${results.length - failed.length} passed, ${failed.length} failed\n`);
  }
  if (failed.length > 0) process.exitCode = 1;
}
