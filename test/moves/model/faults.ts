import type { Random } from './random.js';

/** How often each misfortune strikes; probabilities per draw. All zero: a calm world. */
export interface FaultRates {
  /** Per port call: the process dies before, or after, its effect. */
  readonly crash: number;
  /** Per port call: the process sleeps before its effect, often past its lease, sometimes past a whole further move. */
  readonly stall: number;
  /** Per request: lost before its effect, or its answer lost after it. */
  readonly lost: number;
  /** Per request: arrives late, or a second time late. */
  readonly late: number;
  /** Per request with an effect: 5xx after it. */
  readonly fiveHundred: number;
  /** Per client and schedule: DELETE says `deleted` and does nothing, n times. */
  readonly lies: number;
  /** Per client and schedule: says `deleted`, falls silent and hides the key for some epochs, then goes on unless asked again. */
  readonly dormant: number;
  /** Per client and schedule: says `not_active`, lists nothing, signs on until it is restarted. */
  readonly sneaky: number;
  /** Per client and schedule: what was deleted is back after the next restart. */
  readonly resurrects: number;
  /** Per client and schedule: exports no protection, and forgets its own when a key is deleted. */
  readonly forgets: number;
  /** Per client and schedule: the first import takes the key and drops the protection, answering 500. */
  readonly dropsProtection: number;
  /** Per client and schedule: `not_found` after a delete. */
  readonly notFound: number;
  /** Per client and schedule: unreachable for the mover for a while. */
  readonly partition: number;
  /** Per client and schedule: cut from mover and chain for a while, then back. */
  readonly island: number;
  /** Per client and schedule: it sees the chain some epochs late for a while. */
  readonly lag: number;
  /** Per client and schedule: its beacon node reports nobody live, or is not synced, for a while. */
  readonly badWitness: number;
  /** Per client and schedule: it restarts by itself at some time. */
  readonly restarts: number;
}

export const CALM: FaultRates = {
  crash: 0,
  stall: 0,
  lost: 0,
  late: 0,
  fiveHundred: 0,
  lies: 0,
  dormant: 0,
  sneaky: 0,
  resurrects: 0,
  forgets: 0,
  dropsProtection: 0,
  notFound: 0,
  partition: 0,
  island: 0,
  lag: 0,
  badWitness: 0,
  restarts: 0,
};

export const STORMY: FaultRates = {
  crash: 0.02,
  stall: 0.02,
  lost: 0.03,
  late: 0.03,
  fiveHundred: 0.03,
  lies: 0.2,
  dormant: 0.15,
  sneaky: 0.15,
  resurrects: 0.2,
  forgets: 0.3,
  dropsProtection: 0.15,
  notFound: 0.1,
  partition: 0.2,
  island: 0.15,
  lag: 0.3,
  badWitness: 0.25,
  restarts: 0.3,
};

/** From `start` to `end`, in ticks. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export const NEVER: Window = { start: -1, end: -1 };

export function window(random: Random, probability: number, ticks: number, longest: number): Window {
  if (!random.chance(probability)) return NEVER;
  const start = random.below(ticks);
  return { start, end: start + 1 + random.below(longest) };
}

export function within({ start, end }: Window, tick: number): boolean {
  return tick >= start && tick < end;
}
