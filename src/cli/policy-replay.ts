import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { type ReplayChange, type Replayed, replay } from '../../authz/policy/replay.js';
import { readDecisions } from './policy-decisions.js';
import { deciderOf, policiesOption, refusable } from './policy-folder.js';

interface Options {
  readonly policies: string;
  readonly decisions?: string;
  readonly export?: string;
  readonly party?: string;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const SECOND_MS = 1_000;

/** `ovsb policy replay`: who would gain and who would lose if these files were in force. Changes nothing. */
export function policyReplayCommand(): Command {
  return new Command('replay')
    .description('ask recorded decisions again of changed files: who gains, who loses')
    .addOption(policiesOption('the changed policy folder'))
    .option('--decisions <file>', 'decisions from an export, instead of the running broker')
    .option('--export <file>', 'also write the decisions read to this file')
    .option('--party <party>', 'only decisions on this party')
    .option('--since <time>', 'only decisions since this ISO 8601 time')
    .option('--limit <n>', 'how many of the newest decisions', positiveInteger, 10_000)
    .option('--json', 'one JSON document on stdout')
    .action((options: Options) => refusable(options.json, () => replayAll(options)));
}

async function replayAll(options: Options): Promise<void> {
  const decider = await deciderOf(options.policies);
  const filter = {
    ...(options.party === undefined ? {} : { party: options.party }),
    ...(options.since === undefined ? {} : { since: options.since }),
  };
  const started = Date.now();
  const decisions = await readDecisions(options.decisions, filter, options.limit, (line) => {
    if (Date.now() - started > SECOND_MS) process.stderr.write(`${line}\n`);
  });
  if (options.export !== undefined) {
    await writeFile(options.export, `${JSON.stringify({ decisions })}\n`, { mode: 0o600 });
  }
  const results = replay(decider, decisions);
  const counts = countsOf(results);
  const changed = results.filter(({ change }) => change !== 'same');
  if (options.json === true) {
    const rows = changed.map(({ decision, change, now }) => ({ change, decision, now }));
    process.stdout.write(`${JSON.stringify({ decisions: decisions.length, counts, changed: rows })}\n`);
    return;
  }
  const lines = new Map<string, number>();
  for (const { decision, change, now, hangsOn } of changed) {
    const what = `${decision.scopes.join(' ')} on ${decision.resource.type} ${decision.resource.key}`;
    const then =
      change === 'undecidable' ? `hangs on ${hangsOn}` : `${decision.outcome} → ${now?.outcome} (${now?.reason})`;
    const line = `${change.padEnd(12)}${decision.party}  ${what}: ${then}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  for (const [line, times] of lines) process.stdout.write(`${line}${times > 1 ? ` (${times} times)` : ''}\n`);
  const summary = Object.entries(counts).map(([change, count]) => `${count} ${change}`);
  process.stdout.write(`${decisions.length} decisions asked again: ${summary.join(', ')}\n`);
}

function countsOf(results: readonly Replayed[]): Record<ReplayChange, number> {
  const counts: Record<ReplayChange, number> = { gains: 0, loses: 0, other: 0, same: 0, undecidable: 0 };
  for (const { change } of results) counts[change]++;
  return counts;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
