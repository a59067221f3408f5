/** Compute units of one binding (or failures of one address). Time is monotonic milliseconds, handed in. */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(
    readonly unitsPerSecond: number,
    readonly burst: number,
    nowMs: number,
  ) {
    this.#tokens = burst;
    this.#at = nowMs;
  }

  /** Takes `cost` units and returns 0, or takes nothing and returns whole seconds to wait (at least 1). */
  take(cost: number, nowMs: number): number {
    const wait = this.wait(cost, nowMs);
    if (wait === 0) this.#tokens -= Math.min(cost, this.burst);
    return wait;
  }

  /** Whole seconds until `cost` units are there; 0: now. A cost above the burst needs a full bucket. */
  wait(cost: number, nowMs: number): number {
    this.#refill(nowMs);
    const missing = Math.min(cost, this.burst) - this.#tokens;
    return missing <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.unitsPerSecond));
  }

  #refill(nowMs: number): void {
    const gained = (Math.max(0, nowMs - this.#at) * this.unitsPerSecond) / 1000;
    this.#tokens = Math.min(this.burst, this.#tokens + gained);
    this.#at = nowMs;
  }
}
