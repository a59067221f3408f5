/** The wall clock, handed in so that tests can set it. Milliseconds since 1970-01-01 UTC. */
export interface Clock {
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** The clock in whole seconds, as JWTs and OAuth count time. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}
