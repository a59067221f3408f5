import { Command } from 'commander';
import { trustsAnyIssuer } from '../../authz/policy/claim-names.js';
import { loadPolicySet } from '../../authz/policy/load.js';
import { policiesOption, readFolder, refusable } from './policy-folder.js';

/** `ovsb policy check`: what the start and a reload would say to these files. Reads files only. */
export function policyCheckCommand(): Command {
  return new Command('check')
    .description('validate the policy files against the schema: file:line:column, what is wrong, what to write')
    .addOption(policiesOption('the policy folder'))
    .option('--json', 'one JSON document on stdout')
    .action((options: { policies: string; json?: boolean }) => refusable(options.json, () => check(options)));
}

async function check({ policies: folder, json }: { policies: string; json?: boolean }): Promise<void> {
  const files = await readFolder(folder);
  const set = loadPolicySet(files);
  const warnings = set.policies.filter(trustsAnyIssuer).map(({ file, line, id }) => ({
    file,
    line,
    message: `${id} names an @issuer, which only tells clients where to get its claims, and believes every configured one`,
    fix: 'test `context.claims has iss && context.claims.iss == "…"` in its condition',
  }));
  if (json === true) {
    const policies = set.policies.map(({ key, id, effect, file, line }) => ({ key, id, effect, file, line }));
    process.stdout.write(`${JSON.stringify({ policy_set: set.hash, policies, writable: files.writable, warnings })}\n`);
    return;
  }
  for (const file of files.writable)
    process.stderr.write(`${file}: writable by group or world; outside the sandbox it is refused\n`);
  for (const { file, line, message, fix } of warnings)
    process.stderr.write(`${file}:${line}: warning: ${message} — ${fix}\n`);
  process.stdout.write(
    `${set.policies.length} policies in ${files.cedar.length} files are good; policy set ${set.hash}\n`,
  );
}
