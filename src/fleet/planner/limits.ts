import { type Bound, exposureTo, honours, type PlannerInput, stakePerCell, stakeUnder } from './model.js';

/** Rounding of shares must not make a violation. */
export const SHARE_TOLERANCE = 1e-9;

/** A bound in units of stake for this run. `aim` ≤ `outer`: beyond `aim` costs little, beyond `outer` much. */
export interface Limit {
  readonly bound: Bound;
  readonly current: number;
  readonly upper?: { readonly aim: number; readonly outer: number; readonly broken: boolean };
  readonly lower?: { readonly floor: number; readonly broken: boolean };
  /** How much worse a broken bound of this height is than one of a third. */
  readonly weight: number;
}

/**
 * What must hold after the run. A cap that is broken is planned to its inner target; one that is not may stay as full as it
 * is, so that a plan never starts because of a share between the two.
 */
export function limitsOf(input: PlannerInput): { readonly limits: readonly Limit[]; readonly total: number } {
  const stake = stakePerCell(input);
  const total = stake.reduce((sum, units) => sum + units, 0);
  const whole = wholeUnit(input);
  const limits = input.bounds.map((bound) =>
    limitOf(bound, stakeUnder(input.cells, stake, bound), total, whole(bound)),
  );
  return { limits, total };
}

function limitOf(bound: Bound, current: number, total: number, unit: number | undefined): Limit {
  const down = (units: number) => (unit === undefined ? units : Math.floor(units / unit + 1e-6) * unit);
  const up = (units: number) => (unit === undefined ? units : Math.ceil(units / unit - 1e-6) * unit);
  const limit: { -readonly [K in keyof Limit]: Limit[K] } = { bound, current, weight: weightOf(bound) };
  if (bound.max !== undefined && bound.max < 1) {
    const broken = current > (bound.max + SHARE_TOLERANCE) * total;
    const outer = down(bound.max * total);
    const inner = down(Math.min(bound.inner ?? 0.95 * bound.max, bound.max) * total);
    limit.upper = { outer, aim: broken ? inner : Math.min(Math.max(inner, current), Math.max(outer, current)), broken };
  }
  if (bound.min !== undefined && bound.min > 0) {
    limit.lower = { floor: up(bound.min * total), broken: current < (bound.min - SHARE_TOLERANCE) * total };
  }
  return limit;
}

/** Two thirds finalises a wrong chain, a half decides the fork choice, a third stops finality (product.md). */
function weightOf(bound: Bound): number {
  const height = bound.max ?? 0;
  if (height >= 0.6) return 100;
  return height >= 0.45 ? 10 : 1;
}

/** The unit limits can be rounded to without loss: all keys of one stake, and no key counting in part. */
function wholeUnit(input: PlannerInput): (bound: Bound) => number | undefined {
  const stakes = new Set([...input.classes, ...input.frozen].map((group) => group.stake));
  const [unit] = stakes;
  if (stakes.size !== 1) return () => undefined;
  return (bound) =>
    input.cells.every((cell) => {
      const share = exposureTo(cell, bound);
      return share < 1e-9 || share > 1 - 1e-9;
    })
      ? unit
      : undefined;
}

/** Why a plan is worth making: a broken bound, or a wish that is not honoured. */
export function needsPlan(input: PlannerInput, limits: readonly Limit[]): boolean {
  if (limits.some((limit) => limit.upper?.broken === true || limit.lower?.broken === true)) return true;
  return input.classes.some(
    ({ wish, counts }) =>
      wish !== undefined &&
      counts.some(([cell, keys]) => {
        const place = input.cells[cell];
        return keys > 0 && place !== undefined && !honours(place, wish);
      }),
  );
}
