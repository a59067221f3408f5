import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import { Account } from './account.js';
import type { RpcLimits } from './endpoint.js';

export interface Usage {
  readonly requests: bigint;
  readonly units: bigint;
}

/** Accounts of the endpoints in use here; what they gathered is added to `rpc_usage` every few seconds. */
export class UsageLedger {
  /** An account outlives cache drops, so that a dropped cache never refills a bucket. */
  readonly #accounts = new LRUCache<string, Account>({ max: 200_000 });
  /** Accounts with calls not yet written. */
  readonly #dirty = new Set<Account>();
  #flushing: Promise<void> = Promise.resolve();

  constructor(private readonly dataSource: DataSource) {}

  account(resourceId: string, limits: RpcLimits): Account {
    const known = this.#accounts.get(resourceId);
    if (known !== undefined) return known;
    const account = new Account(resourceId, limits, this.#dirty);
    this.#accounts.set(resourceId, account);
    return account;
  }

  /** Writes what was gathered; what could not be written is kept for the next time. One flush runs at a time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(
      () => this.#write(),
      () => this.#write(),
    );
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const rows = [...this.#dirty].map((account) => ({ account, requests: account.requests, units: account.units }));
    if (rows.length === 0) return;
    await this.dataSource.query(
      `INSERT INTO rpc_usage (resource_id, day, requests, units)
       SELECT resource_id, (now() AT TIME ZONE 'UTC')::date, sum(requests), sum(units)
       FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS gathered (resource_id, requests, units)
       GROUP BY resource_id
       ON CONFLICT (resource_id, day) DO UPDATE
       SET requests = rpc_usage.requests + excluded.requests, units = rpc_usage.units + excluded.units`,
      [rows.map((row) => row.account.resourceId), rows.map((row) => row.requests), rows.map((row) => row.units)],
    );
    for (const { account, requests, units } of rows) {
      account.requests -= requests;
      account.units -= units;
      if (account.requests === 0) this.#dirty.delete(account);
    }
  }

  async total(resourceId: string): Promise<Usage> {
    await this.flush();
    const [row] = await this.dataSource.query<{ requests: string; units: string }[]>(
      `SELECT coalesce(sum(requests), 0)::text AS requests, coalesce(sum(units), 0)::text AS units
       FROM rpc_usage WHERE resource_id = $1`,
      [resourceId],
    );
    return { requests: BigInt(row?.requests ?? 0), units: BigInt(row?.units ?? 0) };
  }
}
