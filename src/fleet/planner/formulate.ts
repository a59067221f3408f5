import type { Limit } from './limits.js';
import { LinearProgram, type Term } from './linear-program.js';
import { exposureTo, honours, type KeyClass, keysPerCell, type PlannerInput, stakePerCell } from './model.js';

/** Leaving (or missing) a soft wish costs as much as this many moves. */
const SOFT_WISH_COST = 2;
/** A key outside its hard wish against a unit of stake outside a target. */
const HARD_WISH_WEIGHT = 10_000;
/** Missing the inner target only, against missing the outer one. */
const INNER_WEIGHT = 0.001;
/**
 * A move, against one unit of stake one step higher: of plans alike in price and spread the one with the fewest moves. So
 * planning again after the moves gives none: what it could find instead, with those before it, would have been as good at first.
 */
const MOVE_TIE = 1.37e-4;
/** Steps of the piecewise linear measure of concentration: 5 % of the stake each. */
const SPREAD_STEP = 0.05;

/**
 * The goals in order (fleet.md): what stays outside wishes and targets, then moves and soft wishes, then an even spread.
 * Each later goal keeps what the earlier ones reached.
 */
export type Goal =
  | { readonly kind: 'violation' }
  | { readonly kind: 'moves'; readonly violation: number }
  | { readonly kind: 'spread'; readonly violation: number; readonly moves: number };

/** `o<class>_<cell>` keys that leave, `i<class>_<cell>` keys that arrive; rows `u<bound>`, `l<bound>` for duals. */
export function formulate(input: PlannerInput, limits: readonly Limit[], total: number, goal: Goal): LinearProgram {
  const program = new LinearProgram();
  const flows = addFlows(program, input, goal.kind);
  const violations: Term[] = [];
  addWishes(program, flows, goal, violations);
  addCapacity(program, input, flows);
  addLimits(program, input, limits, flows, goal, violations);
  program.row('budget', flows.leaving, '<=', input.budget);
  if (goal.kind !== 'violation') program.row('worth', violations, '<=', tolerant(goal.violation));
  if (goal.kind === 'spread') {
    program.row('price', flows.price, '<=', goal.moves - flows.paid + 1e-6);
    addSpread(program, input, total, flows);
  }
  if (goal.kind === 'moves') program.constant = flows.paid;
  return program;
}

/** Rounding of the solver's feasibility (1e-7) must not make the next goal infeasible. */
function tolerant(value: number): number {
  return value + 1e-6 * Math.max(1, value);
}

interface Flows {
  /** Change of keys and of stake per cell. */
  readonly keys: Term[][];
  readonly stake: Term[][];
  readonly leaving: Term[];
  /** Moves and soft wishes; `paid` is its part that no decision changes. */
  readonly price: Term[];
  paid: number;
  readonly outsideHard: { readonly name: string; readonly terms: Term[]; readonly keys: number }[];
}

function addFlows(program: LinearProgram, input: PlannerInput, goal: Goal['kind']): Flows {
  const flows: Flows = {
    keys: input.cells.map(() => []),
    stake: input.cells.map(() => []),
    leaving: [],
    price: [],
    paid: 0,
    outsideHard: [],
  };
  input.classes.forEach((group, k) => {
    addClass(program, input, group, k, flows, goal);
  });
  return flows;
}

function addClass(
  program: LinearProgram,
  input: PlannerInput,
  group: KeyClass,
  k: number,
  flows: Flows,
  goal: Goal['kind'],
): void {
  const counts = new Map(group.counts);
  const all = group.counts.reduce((sum, [, keys]) => sum + keys, 0);
  const balance: Term[] = [];
  const outside: Term[] = [];
  let outsideKeys = 0;
  const add = (name: string, cost: number, upper: number, sign: 1 | -1, c: number) => {
    const tie = goal === 'spread' && sign < 0 ? MOVE_TIE : 0;
    program.variable(name, goal === 'moves' ? cost : tie, upper, true);
    if (cost !== 0) flows.price.push([cost, name]);
    flows.keys[c]?.push([sign, name]);
    flows.stake[c]?.push([sign * group.stake, name]);
    balance.push([sign, name]);
  };
  input.cells.forEach((cell, c) => {
    if (cell.operator !== group.operator || !cell.open) return;
    const good = group.wish === undefined || honours(cell, group.wish);
    const soft = group.wish?.kind === 'soft' && !good ? SOFT_WISH_COST : 0;
    const here = counts.get(c) ?? 0;
    if (here > 0) {
      add(`o${k}_${c}`, 1 - soft, here, -1, c);
      flows.leaving.push([1, `o${k}_${c}`]);
      flows.paid += soft * here;
      if (!good && group.wish?.kind === 'hard') {
        outside.push([-1, `o${k}_${c}`]);
        outsideKeys += here;
      }
    }
    if (good || group.wish?.kind === 'soft') add(`i${k}_${c}`, soft, all, 1, c);
  });
  program.row(`b${k}`, balance, '=', 0);
  if (outsideKeys > 0) flows.outsideHard.push({ name: `h${k}`, terms: outside, keys: outsideKeys });
}

/** h = keys still outside their hard wish. */
function addWishes(program: LinearProgram, flows: Flows, goal: Goal, violations: Term[]): void {
  for (const { name, terms, keys } of flows.outsideHard) {
    program.variable(name, goal.kind === 'violation' ? HARD_WISH_WEIGHT : 0, keys, false);
    violations.push([HARD_WISH_WEIGHT, name]);
    program.row(`w${name}`, [...terms, [-1, name]], '<=', -keys);
  }
}

function addCapacity(program: LinearProgram, input: PlannerInput, flows: Flows): void {
  const held = keysPerCell(input);
  input.cells.forEach((cell, c) => {
    program.row(`c${c}`, flows.keys[c] ?? [], '<=', Math.max(cell.capacity - (held[c] ?? 0), 0));
  });
}

function addLimits(
  program: LinearProgram,
  input: PlannerInput,
  limits: readonly Limit[],
  flows: Flows,
  goal: Goal,
  violations: Term[],
): void {
  const slack = (name: string, weight: number, upper: number): Term => {
    program.variable(name, goal.kind === 'violation' ? weight : 0, upper, false);
    violations.push([weight, name]);
    return [-1, name];
  };
  const free = goal.kind === 'violation' || goal.violation > 0;
  limits.forEach((limit, j) => {
    const terms = changeOf(input, flows, limit);
    if (terms.length === 0) return;
    if (limit.upper) {
      const { aim, outer } = limit.upper;
      const room = outer - aim;
      const inner = free && room > 1e-9 ? [slack(`s${j}`, limit.weight * INNER_WEIGHT, room)] : [];
      const over = free ? [slack(`t${j}`, limit.weight, Number.POSITIVE_INFINITY)] : [];
      program.row(`u${j}`, [...terms, ...inner, ...over], '<=', aim - limit.current);
    }
    if (limit.lower) {
      const under = free ? [slack(`v${j}`, limit.weight, Number.POSITIVE_INFINITY)] : [];
      const negated = terms.map(([coefficient, name]): Term => [-coefficient, name]);
      program.row(`l${j}`, [...negated, ...under], '<=', limit.current - limit.lower.floor);
    }
  });
}

function changeOf(input: PlannerInput, flows: Flows, limit: Limit): Term[] {
  return input.cells.flatMap((cell, c) => {
    const share = exposureTo(cell, limit.bound);
    return share === 0 ? [] : (flows.stake[c] ?? []).map(([units, name]): Term => [share * units, name]);
  });
}

/**
 * Among plans of equal worth, the one that spreads the stake best over the implementations: a piecewise linear, convex
 * measure of each implementation's share, so a share is dearer the higher it is.
 */
function addSpread(program: LinearProgram, input: PlannerInput, total: number, flows: Flows): void {
  const step = SPREAD_STEP * total;
  const steps = Math.round(1 / SPREAD_STEP);
  const before = stakePerCell(input);
  for (const layer of ['consensus', 'execution'] as const) {
    const names = [...new Set(input.cells.flatMap((cell) => cell.exposure.map((part) => part[layer])))].sort();
    names.forEach((name, n) => {
      const terms: Term[] = [];
      let now = 0;
      input.cells.forEach((cell, c) => {
        const share = exposureTo(cell, { layer, name });
        if (share === 0) return;
        now += share * (before[c] ?? 0);
        for (const [units, variable] of flows.stake[c] ?? []) terms.push([share * units, variable]);
      });
      if (terms.length === 0) return;
      const filled: Term[] = [];
      for (let s = 0; s < steps; s += 1) {
        const variable = `q${layer[0]}${n}_${s}`;
        program.variable(variable, s + 1, step, false);
        filled.push([-1, variable]);
      }
      program.row(`d${layer[0]}${n}`, [...terms, ...filled], '<=', -now);
    });
  }
}
