import { Gauge, register } from 'prom-client';
import type { DataSource } from 'typeorm';
import type { Logger } from '../../logger.js';
import type { StakeSource } from '../contract.js';
import { keysHeld } from './keys-held.js';
import { wholeKeys } from './whole-keys.js';

const NAME = 'ovsb_stake_exceeded_parties';
const exceeded =
  (register.getSingleMetric(NAME) as Gauge | undefined) ??
  new Gauge({ name: NAME, help: 'Parties whose instances hold more pool keys than their stake stands for now' });

interface Row {
  readonly party: string;
  readonly address: string | null;
  readonly withdrawal_credentials: string | null;
}

/**
 * Looks each epoch whether the stake that keys were given for is still there (authorization.md, Claims): it may have exited, or its
 * token been sold. Says so in the log, the metric and as a warning; moves and deletes nothing: the operator decides.
 */
export class StakeCheck {
  #found: readonly string[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly stake: StakeSource,
    private readonly logger: Logger,
  ) {}

  /** What the last run found, without saying whom: for `/readyz`, which anyone may read. */
  warnings(): readonly string[] {
    const count = this.#found.length;
    const who = count === 1 ? 'a party holds more keys than its' : `${count} parties hold more keys than their`;
    return count === 0 ? [] : [`${who} stake stands for; see the log`];
  }

  async run(signal: AbortSignal): Promise<void> {
    const found: string[] = [];
    for (const holder of await this.#holders()) {
      if (signal.aborted) return;
      const gwei = await this.stake.peek(holder, this.dataSource.manager);
      // What nobody can say now is no finding: the next run asks again.
      if (gwei === undefined) continue;
      const [held, allowed] = [await keysHeld(holder, this.dataSource.manager), wholeKeys(gwei)];
      if (held <= allowed) continue;
      found.push(`${holder.party} ${held} ${allowed}`);
      if (!this.#found.includes(`${holder.party} ${held} ${allowed}`))
        this.logger.warn(
          { party: holder.party, held, allowed },
          'a party holds more keys than its stake stands for now',
        );
    }
    exceeded.set(found.length);
    this.#found = found;
  }

  /** Each party with pool keys once, with all that it has proved. */
  async #holders() {
    const rows: Row[] = await this.dataSource.query(
      `SELECT w.party, max(w.address) AS address, max(w.withdrawal_credentials) AS withdrawal_credentials FROM wish w
        WHERE w.ended_at IS NULL AND w.subject_kind = 'party' AND NOT w.named
          AND EXISTS (SELECT 1 FROM instance_allocation a WHERE a.wish_id = w.id AND a.released_at IS NULL)
        GROUP BY w.party ORDER BY w.party`,
    );
    return rows.map(({ party, address, withdrawal_credentials: withdrawalCredentials }) => ({
      party,
      ...(address !== null && { address }),
      ...(withdrawalCredentials !== null && { withdrawalCredentials }),
    }));
  }
}
