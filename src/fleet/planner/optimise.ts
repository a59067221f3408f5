import { DomainError } from '../../errors.js';
import { formulate, type Goal } from './formulate.js';
import { type Limit, limitsOf, needsPlan } from './limits.js';
import type { PlannerInput } from './model.js';
import type { Solution, Solver } from './solver.js';

/** Beyond this many variables the even spread is left out: it would cost more time than it is worth. */
const SPREAD_MOST_VARIABLES = 20_000;

/** Keys of a class that leave and enter cells; the sums are equal. */
export interface Flow {
  readonly leave: readonly (readonly [cell: number, keys: number])[];
  readonly arrive: readonly (readonly [cell: number, keys: number])[];
}

export interface Certificate {
  /** Moves plus the price of soft wishes left or missed (two a key). */
  readonly value: number;
  /** No plan that reaches the same targets costs less than this. */
  readonly bound: number;
  readonly gap: number;
  /** Whole keys came out of the linear program; otherwise an integer search found them. */
  readonly integral: boolean;
  /** What stays outside targets and hard wishes, weighted; 0 when all can be met. */
  readonly violation: { readonly value: number; readonly bound: number };
}

export interface Outcome {
  /** One per class, in its order. */
  readonly flows: readonly Flow[];
  readonly certificate: Certificate;
  readonly limits: readonly Limit[];
  readonly total: number;
  /** Moves saved by one unit (32 ETH) more room, per index of `limits`. */
  readonly shadowPrices: ReadonlyMap<number, number>;
}

/**
 * The best flows for the goals in their order. Deterministic: HiGHS gets the same text and runs on one thread; only a run
 * stopped by `timeLimitSeconds` (for each program) may differ, and its certificate then shows a gap.
 * @throws DomainError `PlanTimeLimit` when no usable answer was found in time, `SolverFailed`.
 */
export async function optimise(input: PlannerInput, solver: Solver, timeLimitSeconds = 30): Promise<Outcome> {
  const { limits, total } = limitsOf(input);
  const movable = input.classes.some(({ counts }) => counts.length > 0);
  if (!movable || !needsPlan(input, limits)) return nothingToDo(input, limits, total);
  const run = (goal: Goal) => solveWhole(input, limits, total, goal, solver, timeLimitSeconds);

  let violation = { value: 0, bound: 0 };
  let moves = await run({ kind: 'moves', violation: 0 });
  if (!moves) {
    const worst = await run({ kind: 'violation' });
    if (!worst) throw new DomainError('PlanTimeLimit', 'no plan was found in time');
    violation = { value: worst.value, bound: worst.bound };
    moves = await run({ kind: 'moves', violation: violation.value });
    if (!moves) throw new DomainError('PlanTimeLimit', 'no plan was found in time');
  }
  const spread =
    moves.variables <= SPREAD_MOST_VARIABLES
      ? await run({ kind: 'spread', violation: violation.value, moves: moves.value })
      : undefined;
  return {
    flows: flowsOf(input, (spread ?? moves).values),
    certificate: {
      value: round(moves.value),
      bound: round(moves.bound),
      gap: round(Math.max(moves.value - moves.bound, 0)),
      integral: moves.integral,
      violation: { value: round(violation.value), bound: round(violation.bound) },
    },
    limits,
    total,
    shadowPrices: shadowPrices(limits, moves.duals),
  };
}

interface Whole {
  readonly values: ReadonlyMap<string, number>;
  readonly value: number;
  readonly bound: number;
  readonly integral: boolean;
  readonly duals: ReadonlyMap<string, number>;
  readonly variables: number;
}

/** The linear program first; only when keys came out in parts, the integer search. undefined: infeasible (or unknown in time). */
async function solveWhole(
  input: PlannerInput,
  limits: readonly Limit[],
  total: number,
  goal: Goal,
  solver: Solver,
  timeLimitSeconds: number,
): Promise<Whole | undefined> {
  const program = formulate(input, limits, total, goal);
  const relaxed = await solver.solve(program.text(false), timeLimitSeconds);
  if (relaxed.status !== 'optimal') return undefined;
  const paid = program.constant;
  const common = { duals: relaxed.duals, variables: program.variables };
  if (isWhole(relaxed)) {
    const value = relaxed.objective + paid;
    return { ...common, values: relaxed.values, value, bound: value, integral: true };
  }
  const whole = await solver.solve(program.text(true), timeLimitSeconds, goal.kind === 'moves' ? 0.5 : 1e-6);
  if (whole.status === 'infeasible' || !isWhole(whole)) return undefined;
  const value = whole.objective + paid;
  // Moves are whole numbers: no plan costs less than the relaxation, rounded up.
  const relaxedBound = relaxed.objective + paid;
  const bound =
    whole.status === 'optimal' ? value : goal.kind === 'moves' ? Math.ceil(relaxedBound - 1e-6) : relaxedBound;
  return { ...common, values: whole.values, value, bound, integral: false };
}

function isWhole(solution: Solution): boolean {
  for (const [name, value] of solution.values) {
    if ((name.startsWith('o') || name.startsWith('i')) && Math.abs(value - Math.round(value)) > 1e-6) return false;
  }
  return true;
}

function flowsOf(input: PlannerInput, values: ReadonlyMap<string, number>): Flow[] {
  const leave = input.classes.map(() => new Map<number, number>());
  const arrive = input.classes.map(() => new Map<number, number>());
  for (const [name, value] of values) {
    const found = /^([oi])(\d+)_(\d+)$/.exec(name);
    const keys = Math.round(value);
    if (!found || keys === 0) continue;
    (found[1] === 'o' ? leave : arrive)[Number(found[2])]?.set(Number(found[3]), keys);
  }
  return input.classes.map((_, k) => net(leave[k] ?? new Map(), arrive[k] ?? new Map()));
}

/** A class that leaves and enters one cell did not move. */
function net(leave: Map<number, number>, arrive: Map<number, number>): Flow {
  for (const [cell, keys] of leave) {
    const same = Math.min(keys, arrive.get(cell) ?? 0);
    leave.set(cell, keys - same);
    arrive.set(cell, (arrive.get(cell) ?? 0) - same);
  }
  return { leave: sorted(leave), arrive: sorted(arrive) };
}

function sorted(counts: Map<number, number>): [number, number][] {
  return [...counts].filter(([, keys]) => keys > 0).sort(([a], [b]) => a - b);
}

function nothingToDo(input: PlannerInput, limits: readonly Limit[], total: number): Outcome {
  const certificate = { value: 0, bound: 0, gap: 0, integral: true, violation: { value: 0, bound: 0 } };
  return {
    flows: input.classes.map(() => ({ leave: [], arrive: [] })),
    certificate,
    limits,
    total,
    shadowPrices: new Map(),
  };
}

function shadowPrices(limits: readonly Limit[], duals: ReadonlyMap<string, number>): Map<number, number> {
  const prices = new Map<number, number>();
  limits.forEach((_, j) => {
    const price = -((duals.get(`u${j}`) ?? 0) + (duals.get(`l${j}`) ?? 0));
    if (Math.abs(price) > 1e-9) prices.set(j, round(price));
  });
  return prices;
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6 + 0;
}
