import { Command, InvalidArgumentError } from 'commander';
import { type PlanBody, percent, shortKey } from './fleet-bodies.js';
import { operatorClient } from './operator-client.js';
import { print, table } from './print.js';

interface Options {
  readonly whatIf?: WhatIf;
  readonly approve?: boolean;
  readonly json?: boolean;
}

interface WhatIf {
  targets?: { layer: string; name: string; max: string }[];
  budget?: number;
}

/** `ovsb plan`: the rebalancing plan with its certificate and the reason of each move. */
export function planCommand(): Command {
  return new Command('plan')
    .description('plan the moves that bring the fleet inside its targets')
    .option(
      '--what-if <change>',
      'only look: plan with a budget of moves (budget=10) or with other targets in place of all of yours (consensus.lighthouse=1/4, execution.*=55%); repeatable',
      collectWhatIf,
    )
    .option('--approve', 'make a plan and approve it: its moves start')
    .option('--json', 'one JSON document on stdout')
    .action(plan);
}

async function plan(options: Options): Promise<void> {
  const operator = operatorClient();
  const body = options.whatIf === undefined ? {} : { what_if: options.whatIf };
  let made = (await operator.call('POST', '/fleet/plans', body)).body as unknown as PlanBody;
  if (options.approve)
    made = (await operator.call('POST', `/fleet/plans/${made.id}/approve`)).body as unknown as PlanBody;
  print(options.json, made, lines(made));
}

function lines(plan: PlanBody): string[] {
  const { value, bound, gap, integral, violation } = plan.certificate;
  const outside = violation.value > 0 ? `, what stays outside the targets weighs ${violation.value}` : '';
  return [
    `plan ${plan.id} (${plan.what_if ? 'what-if' : plan.state}): ${plan.moves.length} moves`,
    ...plan.contradictions.map((text) => `contradiction: ${text}`),
    ...plan.unmet.map(
      ({ layer, name, share, limit, reason }) =>
        `unmet: ${layer} ${name} stays at ${percent(share)}, limit ${percent(limit)}: ${reason}`,
    ),
    ...moveLines(plan.moves),
    `certificate: price ${value}, no plan costs less than ${bound} (gap ${gap}), ${integral ? 'whole keys from the linear program' : 'whole keys by integer search'}${outside}`,
    ...nextStep(plan),
  ];
}

/** Many moves share a reason: it is written once, below the table. */
function moveLines(moves: PlanBody['moves']): string[] {
  if (moves.length === 0) return [];
  const reasons = [...new Set(moves.map(({ reason }) => reason))];
  const rows = moves.map((move) => [
    shortKey(move.public_key),
    move.from,
    move.to,
    `[${reasons.indexOf(move.reason) + 1}]`,
  ]);
  return [
    '',
    ...table([['key', 'from', 'to', 'why'], ...rows]),
    '',
    ...reasons.map((reason, i) => `[${i + 1}] ${reason}`),
    '',
  ];
}

function nextStep(plan: PlanBody): string[] {
  if (plan.what_if) return [];
  if (plan.moves.length === 0) return plan.unmet.length === 0 ? ['nothing to do: the fleet is inside its targets'] : [];
  return plan.state === 'proposed' ? ['approve it with: ovsb plan --approve'] : ['follow it with: ovsb moves --watch'];
}

function collectWhatIf(text: string, before: WhatIf | undefined): WhatIf {
  const found = /^(?:(budget)|(\w+)\.([^=]+))=(.+)$/.exec(text);
  if (!found) throw new InvalidArgumentError('write budget=<n> or <layer>.<name>=<max>');
  const [, budget, layer = '', name = '', given = ''] = found;
  if (budget) {
    if (!/^\d{1,7}$/.test(given)) throw new InvalidArgumentError('a budget is a number of moves');
    return { ...before, budget: Number(given) };
  }
  const max = /^0?\.\d+$/.test(given) ? `${100 * Number(given)}%` : given;
  return { ...before, targets: [...(before?.targets ?? []), { layer, name, max }] };
}
