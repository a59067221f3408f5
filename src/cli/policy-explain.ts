import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type Explanation, explain } from '../../authz/policy/explain.js';
import type { RecordedDecision } from '../../authz/policy/replay.js';
import type { AssessRequest } from '../../authz/policy/types.js';
import { DomainError } from '../errors.js';
import { readDecisions } from './policy-decisions.js';
import { deciderOf, policiesOption, refusable } from './policy-folder.js';

interface Options {
  readonly policies: string;
  readonly party?: string;
  readonly resource?: string;
  readonly outcome?: string;
  readonly decisions?: string;
  readonly question?: string;
  readonly json?: boolean;
}

/** How far back an explanation looks for the decision it is asked about. */
const LOOK_BACK = 1_000;

/** `ovsb policy explain`: which policy decided, with file:line, and what would have to change. */
export function policyExplainCommand(): Command {
  return new Command('explain')
    .description('say why a recorded request passed or would not, and what would have to change')
    .argument(
      '[id]',
      'a decision of the log; without it the newest that fits (of reading the log itself only with --resource policies)',
    )
    .addOption(policiesOption('the policy folder to explain with'))
    .option(
      '--party <party>',
      'only decisions on this party: eip155:<chain>:0x…, client:<client_id> or platform:<username>',
    )
    .option('--resource <key>', 'only decisions on this resource: validator-nimbus/geth')
    .option('--outcome <outcome>', 'only decisions with this outcome: permit, owner_approval, deny or need_info')
    .option('--decisions <file>', 'decisions exported by `policy replay --export`, instead of the running broker')
    .option('--question <file>', 'a question of your own as JSON, asked of the files alone')
    .option('--json', 'one JSON document on stdout')
    .action((id: string | undefined, options: Options) => refusable(options.json, () => explainOne(id, options)));
}

async function explainOne(id: string | undefined, options: Options): Promise<void> {
  const decider = await deciderOf(options.policies);
  const decision = options.question === undefined ? await decisionOf(id, options) : undefined;
  const question = decision === undefined ? await questionIn(options.question ?? '') : decision.question;
  if (question === undefined || question === null)
    throw new DomainError('NoQuestion', 'the log kept no question for this decision');
  if (question.ownPolicies)
    throw new DomainError(
      'OwnPolicies',
      `client:${question.owner} has written policies itself, which are not in this folder${decision === undefined ? '' : `; then: ${decision.reason}`}`,
    );
  const explanation = explain(decider, question);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ ...(decision === undefined ? {} : { decision }), ...explanation })}\n`);
  } else process.stdout.write(text(question, decision, explanation));
}

async function decisionOf(id: string | undefined, options: Options): Promise<RecordedDecision> {
  const filter = {
    ...(options.party === undefined ? {} : { party: options.party }),
    ...(options.resource === undefined ? {} : { resourceKey: options.resource }),
    ...(options.outcome === undefined ? {} : { outcome: options.outcome }),
  };
  const one = id === undefined ? filter : { id };
  const found = await readDecisions(options.decisions, one, id === undefined ? LOOK_BACK : 1, () => undefined);
  const fits = (decision: RecordedDecision) =>
    (id === undefined || decision.id === id) &&
    (options.party === undefined || decision.party === options.party) &&
    (options.outcome === undefined || decision.outcome === options.outcome) &&
    (options.resource === undefined
      ? id !== undefined || decision.resource.type !== 'policies'
      : decision.resource.key === options.resource);
  const decision = found.find(fits);
  if (decision === undefined) throw new DomainError('NoDecision', 'no recorded decision fits');
  return decision;
}

async function questionIn(file: string): Promise<AssessRequest> {
  try {
    const given = JSON.parse(await readFile(file, 'utf8')) as Partial<AssessRequest>;
    if (given.principal === undefined || given.resource === undefined || given.scope === undefined) {
      throw new Error('principal, resource and scope are needed');
    }
    const { principal, resource } = given;
    return {
      clientId: '',
      claims: {},
      context: {},
      nowSeconds: Math.floor(Date.now() / 1000),
      ...given,
      scope: given.scope,
      principal: { ...principal, attributes: principal.attributes ?? {} },
      resource: { ...resource, attributes: resource.attributes ?? {} },
    };
  } catch (cause) {
    throw new DomainError('QuestionUnreadable', `cannot read a question from ${file}`, { cause });
  }
}

function text(question: AssessRequest, decision: RecordedDecision | undefined, explanation: Explanation): string {
  const { assessment, policies } = explanation;
  const lines = [
    `${question.principal.party} asks for ${question.scope} on ${question.resource.type} ${question.resource.key}`,
  ];
  if (decision !== undefined) lines.push(`recorded ${decision.at}: ${decision.outcome} (${decision.reason})`);
  lines.push(`with these files: ${assessment.outcome} (${assessment.reason})`, '');
  for (const policy of policies) {
    const mark = policy.applies ? (policy.effect === 'forbid' ? 'forbids' : 'permits') : `no ${policy.effect}`;
    lines.push(`${mark.padEnd(10)}${policy.policy}${policy.friendly === undefined ? '' : `: ${policy.friendly}`}`);
    if (policy.change !== undefined) lines.push(`${' '.repeat(10)}${policy.change}`);
  }
  return `${lines.join('\n')}\n`;
}
