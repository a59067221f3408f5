import type { RpcLimits } from './endpoint.js';
import { TokenBucket } from './token-bucket.js';

/** What one endpoint has used, in this process: its compute units and what is not yet written to the database. */
export class Account {
  readonly #bucket: TokenBucket;
  requests = 0;
  units = 0;

  constructor(
    readonly resourceId: string,
    limits: RpcLimits,
    /** Where it stands while it has something to be written. */
    private readonly dirty: Set<Account>,
  ) {
    this.#bucket = new TokenBucket(limits.units_per_second, limits.burst, performance.now());
  }

  /** Charges one call and returns 0, or charges nothing and returns whole seconds to wait. */
  charge(cost: number): number {
    const wait = this.#bucket.take(cost, performance.now());
    if (wait > 0) return wait;
    this.requests += 1;
    this.units += cost;
    this.dirty.add(this);
    return 0;
  }
}
