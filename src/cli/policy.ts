import { Command } from 'commander';
import { policyCheckCommand } from './policy-check.js';
import { policyExplainCommand } from './policy-explain.js';
import { policyReplayCommand } from './policy-replay.js';
import { policyTestCommand } from './policy-test.js';

/** `ovsb policy check|test|explain|replay` (product.md, Commands). */
export function policyCommand(): Command {
  return new Command('policy')
    .description(
      'validate policy files, run their tests, explain decisions, replay recorded ones against changed files',
    )
    .addCommand(policyCheckCommand())
    .addCommand(policyTestCommand())
    .addCommand(policyExplainCommand())
    .addCommand(policyReplayCommand());
}
