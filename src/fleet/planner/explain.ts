import type { Aggregate } from './aggregate.js';
import type { ChosenMove } from './choose-keys.js';
import { percent } from './contradictions.js';
import { type Limit, SHARE_TOLERANCE } from './limits.js';
import { type Bound, exposureTo, honours, stakePerCell, stakeUnder } from './model.js';
import type { Flow, Outcome } from './optimise.js';

export interface Unmet {
  readonly layer: string;
  readonly name: string;
  /** Share after the plan, and the limit it still breaks. */
  readonly share: number;
  readonly limit: number;
  /** Units of 32 ETH beyond the limit. */
  readonly stakeUnits: number;
  readonly reason: string;
}

/** Which target (or wish) this move serves, with the share now and the share planned. */
export function reasonFor(move: ChosenMove, aggregate: Aggregate, outcome: Outcome): string {
  const from = aggregate.input.cells[move.fromCell];
  const to = aggregate.input.cells[move.toCell];
  if (!from || !to) return 'rebalancing';
  const { wish } = move.key;
  if (wish && !honours(from, wish) && honours(to, wish)) {
    return `${wish.kind} wish for ${wish.consensus ?? 'any'}/${wish.execution ?? 'any'}`;
  }
  const relieved = outcome.limits.flatMap((limit, j) => {
    const change = exposureTo(to, limit.bound) - exposureTo(from, limit.bound);
    if (limit.upper?.broken && change < 0) return [describe(limit, outcome, j)];
    if (limit.lower?.broken && change > 0) return [describeFloor(limit, outcome, j)];
    return [];
  });
  return relieved.length > 0 ? relieved.join('; ') : 'makes room for another move of this plan';
}

function describe({ bound, current, upper }: Limit, outcome: Outcome, j: number): string {
  const { total } = outcome;
  const aim = percent((upper?.aim ?? 0) / total);
  return `${bound.layer} ${bound.name} holds ${percent(current / total)}, cap ${percent(bound.max ?? 1)}, planned to ${aim}${price(outcome, j)}`;
}

function describeFloor({ bound, current }: Limit, outcome: Outcome, j: number): string {
  return `${bound.layer} ${bound.name} holds ${percent(current / outcome.total)}, floor ${percent(bound.min ?? 0)}${price(outcome, j)}`;
}

function price(outcome: Outcome, j: number): string {
  const saved = outcome.shadowPrices.get(j);
  return saved === undefined ? '' : `; 32 ETH more room would save ${Number(saved.toFixed(3))} moves`;
}

/** Targets still broken after the flows, by how much, and why as far as the certificate tells. */
export function unmetBy(aggregate: Aggregate, outcome: Outcome, contradictions: readonly string[]): Unmet[] {
  const stake = stakeAfter(aggregate, outcome.flows);
  const moves = outcome.flows.reduce((sum, flow) => sum + flow.leave.reduce((part, [, keys]) => part + keys, 0), 0);
  const why =
    contradictions.length > 0
      ? 'the targets contradict each other or the inventory'
      : moves >= aggregate.input.budget
        ? `the budget of ${aggregate.input.budget} moves in one run is used up`
        : 'capacity, wishes, dwell or other targets leave no way';
  return outcome.limits.flatMap(({ bound }) => {
    const units = stakeUnder(aggregate.input.cells, stake, bound);
    return beyond(bound, units, outcome.total).map(({ limit, over }) => ({
      layer: bound.layer,
      name: bound.name,
      share: units / outcome.total,
      limit,
      stakeUnits: over,
      reason: why,
    }));
  });
}

function beyond(bound: Bound, units: number, total: number): { limit: number; over: number }[] {
  const found: { limit: number; over: number }[] = [];
  if (bound.max !== undefined && units > (bound.max + SHARE_TOLERANCE) * total) {
    found.push({ limit: bound.max, over: units - bound.max * total });
  }
  if (bound.min !== undefined && units < (bound.min - SHARE_TOLERANCE) * total) {
    found.push({ limit: bound.min, over: bound.min * total - units });
  }
  return found;
}

/** Units of stake per cell once the flows are done. */
function stakeAfter(aggregate: Aggregate, flows: readonly Flow[]): number[] {
  const stake = stakePerCell(aggregate.input);
  flows.forEach((flow, k) => {
    const units = aggregate.input.classes[k]?.stake ?? 0;
    for (const [cell, keys] of flow.leave) stake[cell] = (stake[cell] ?? 0) - units * keys;
    for (const [cell, keys] of flow.arrive) stake[cell] = (stake[cell] ?? 0) + units * keys;
  });
  return stake;
}
