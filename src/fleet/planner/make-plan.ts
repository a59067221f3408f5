import { aggregate, compare, type PlannableClient, type PlannableKey } from './aggregate.js';
import { chooseKeys } from './choose-keys.js';
import { contradictions } from './contradictions.js';
import { reasonFor, type Unmet, unmetBy } from './explain.js';
import type { Bound } from './model.js';
import { type Certificate, optimise } from './optimise.js';
import type { Solver } from './solver.js';

export interface PlannedMove {
  readonly publicKey: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export interface ShadowPrice {
  readonly layer: string;
  readonly name: string;
  /** Moves saved by 32 ETH more room under this bound. */
  readonly price: number;
}

export interface PlanResult {
  readonly moves: readonly PlannedMove[];
  readonly certificate: Certificate;
  readonly shadowPrices: readonly ShadowPrice[];
  readonly unmet: readonly Unmet[];
  /** Targets that cannot hold together, found before solving. */
  readonly contradictions: readonly string[];
}

/**
 * The whole way from keys to moves. Pure but for the solver: the same input gives the same bytes, planning again after
 * the moves gives no moves.
 */
export async function makePlan(
  fleet: {
    readonly clients: readonly PlannableClient[];
    readonly keys: readonly PlannableKey[];
    readonly bounds: readonly Bound[];
    readonly budget: number;
  },
  solver: Solver,
  timeLimitSeconds?: number,
): Promise<PlanResult> {
  const grouped = aggregate(fleet.clients, fleet.keys, fleet.bounds, fleet.budget);
  const outcome = await optimise(grouped.input, solver, timeLimitSeconds);
  const named = contradictions(grouped.input, outcome.limits, outcome.total);
  const moves = chooseKeys(grouped, outcome)
    .map((move) => ({
      publicKey: move.key.publicKey,
      from: move.from,
      to: move.to,
      reason: reasonFor(move, grouped, outcome),
    }))
    .sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || compare(a.publicKey, b.publicKey));
  const shadowPrices = [...outcome.shadowPrices].flatMap(([j, price]): ShadowPrice[] => {
    const bound = outcome.limits[j]?.bound;
    return bound ? [{ layer: bound.layer, name: bound.name, price }] : [];
  });
  return {
    moves,
    certificate: outcome.certificate,
    shadowPrices,
    unmet: unmetBy(grouped, outcome, named),
    contradictions: named,
  };
}
