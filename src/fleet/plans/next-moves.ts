import type { PlannedMoveState } from './rebalancing-plan.js';

export interface PlannedStep {
  readonly position: number;
  readonly clientPair: string;
  readonly state: PlannedMoveState;
  /** Its move waits for an operator; it blocks its pair's canary, not the rest. */
  readonly held: boolean;
}

/**
 * Which planned moves may start now (keys.md, Blast radius): first one key for each pair of implementations, all pairs'
 * canaries at once; then at most `batch` keys of proven pairs in unfinished moves at a time; `inFlight` bounds them together.
 * `steps` in their order; the answer in that order.
 */
export function nextMoves(
  steps: readonly PlannedStep[],
  limits: { readonly canary: boolean; readonly batch: number; readonly inFlight: number },
): number[] {
  const proven = new Set(
    steps.filter((step) => !limits.canary || step.state === 'placed').map((step) => step.clientPair),
  );
  const underway = steps.filter((step) => step.state === 'started' && !step.held);
  const trying = new Set(steps.filter((step) => step.state === 'started').map((step) => step.clientPair));
  let roomInFlight = limits.inFlight - underway.length;
  let roomInBatch = limits.batch - underway.filter((step) => proven.has(step.clientPair)).length;
  const chosen: number[] = [];
  for (const step of steps) {
    if (step.state !== 'planned' || roomInFlight <= 0) continue;
    if (proven.has(step.clientPair)) {
      if (roomInBatch <= 0) continue;
      roomInBatch -= 1;
    } else {
      if (trying.has(step.clientPair)) continue;
      trying.add(step.clientPair);
    }
    roomInFlight -= 1;
    chosen.push(step.position);
  }
  return chosen;
}

/** max(1, min(most, share of all keys)): a fault of one batch must stay small (keys.md). */
export function batchSize(batch: { readonly most: number; readonly share: number }, keys: number): number {
  return Math.max(1, Math.min(batch.most, Math.floor(batch.share * keys)));
}
