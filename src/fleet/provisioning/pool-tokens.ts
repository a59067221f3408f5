import { type DataSource, type EntityManager, In, LessThanOrEqual } from 'typeorm';
import type { Clock } from '../../clock.js';
import { reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { StakeSource } from '../contract.js';
import { PoolBalance } from './pool-balance.js';
import { type PoolToken, readPoolBalance } from './read-pool-balance.js';

/** An epoch is 384 s: a balance is read anew within each, and counts for two. */
const READ_AGAIN_MS = 340_000;
const COUNTS_MS = 768_000;
/** Nodes asked for one balance, best first. */
const MOST_NODES = 3;
/** After no node could say, nobody asks again for so long: a decision must not wait for dead nodes each time. */
const PATIENCE_MS = 10_000;
/** Wallets whose last failure is remembered. */
const MOST_FAILURES = 10_000;

export interface PoolTokensDeps {
  readonly dataSource: DataSource;
  readonly tokens: readonly PoolToken[];
  /** JSON-RPC of execution nodes, best first; read anew each time. */
  readonly nodes: () => readonly { readonly name: string; readonly uri: string }[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Stake held through tokens of staking pools (authorization.md, `stake_sources`): balances at finalised blocks, kept in the database. */
export class PoolTokens {
  readonly #failedAtMs = new Map<string, number>();

  constructor(private readonly deps: PoolTokensDeps) {}

  /** As read in the last two epochs, in gwei; undefined when a token's balance is not known. No outside call. */
  async known(address: string, manager: EntityManager, maxAgeMs = COUNTS_MS): Promise<bigint | undefined> {
    const { tokens, clock } = this.deps;
    const rows = await manager
      .getRepository(PoolBalance)
      .findBy({ address, token: In(tokens.map(({ token }) => token)) });
    const oldestMs = clock.nowMs() - maxAgeMs;
    const fresh = rows.filter(({ seenAt }) => seenAt.getTime() > oldestMs);
    return fresh.length === tokens.length ? fresh.reduce((sum, { gwei }) => sum + gwei, 0n) : undefined;
  }

  /** As of this epoch, asking the nodes when that is not known yet; undefined when they cannot say. Never in a transaction. */
  async current(address: string): Promise<bigint | undefined> {
    const { dataSource, tokens, clock } = this.deps;
    const known = await this.known(address, dataSource.manager, READ_AGAIN_MS);
    if (known !== undefined) return known;
    if (clock.nowMs() - (this.#failedAtMs.get(address) ?? Number.NEGATIVE_INFINITY) < PATIENCE_MS) return undefined;
    const read = await Promise.all(tokens.map((token) => this.#read(token, address)));
    const balances = read.filter((gwei) => gwei !== undefined);
    if (balances.length < tokens.length) {
      this.#failedAtMs.delete(address);
      this.#failedAtMs.set(address, clock.nowMs());
      const [oldest] = this.#failedAtMs.keys();
      if (this.#failedAtMs.size > MOST_FAILURES && oldest !== undefined) this.#failedAtMs.delete(oldest);
      return undefined;
    }
    const seenAt = new Date(clock.nowMs());
    const rows = tokens.map(({ token }, i) => ({ token, address, gwei: balances[i] ?? 0n, seenAt }));
    await dataSource.getRepository(PoolBalance).upsert(rows, ['token', 'address']);
    return balances.reduce((sum, gwei) => sum + gwei, 0n);
  }

  /** Balances that count no more: anybody can bring wallets, and nobody need come back. */
  async forgetOld(): Promise<void> {
    const { dataSource, clock } = this.deps;
    await dataSource
      .getRepository(PoolBalance)
      .delete({ seenAt: LessThanOrEqual(new Date(clock.nowMs() - COUNTS_MS)) });
  }

  async #read(token: PoolToken, address: string): Promise<bigint | undefined> {
    const { nodes, clock, logger } = this.deps;
    for (const node of nodes().slice(0, MOST_NODES)) {
      try {
        return await readPoolBalance(node.uri, token, address, clock.nowMs());
      } catch (thrown) {
        logger.warn({ token: token.name, node: node.name, reason: reasonOf(thrown) }, 'a stake source cannot be read');
      }
    }
    return undefined;
  }
}

/** The stake of `source` and what the wallet holds in pool tokens. What is not known counts nothing at an allocation. */
export function withPoolTokens(source: StakeSource, tokens: PoolTokens): StakeSource {
  return {
    async gweiOf(holder, manager) {
      const held = holder.address === undefined ? 0n : await tokens.known(holder.address, manager);
      return (await source.gweiOf(holder, manager)) + (held ?? 0n);
    },
    async peek(holder, manager) {
      const other = await source.peek(holder, manager);
      if (holder.address === undefined || other === undefined) return other;
      const held = await tokens.current(holder.address);
      return held === undefined ? undefined : other + held;
    },
  };
}
