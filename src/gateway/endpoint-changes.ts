import type { DataSource, QueryRunner } from 'typeorm';
import { reasonOf } from '../errors.js';
import type { Job } from '../job.js';
import type { Logger } from '../logger.js';

export const CHANGE_CHANNEL = 'ovsb_rpc_endpoint';

/** Without word from the database for this long, nothing cached is believed (security.md B5). */
const BELIEVED_MS = 3000;
const POLL_MS = 1000;

interface ListeningClient {
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): void;
  on(event: 'error' | 'end', listener: () => void): void;
}

/**
 * Hears of every endpoint opened or closed on any replica: by notification at once, and each second by asking for the
 * changes of transactions that were not yet visible last time, so that a lost notification costs a second at most.
 */
export class EndpointChanges {
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** Oldest transaction that ran at the last poll: it and later ones may have committed since. */
  #horizon: string | undefined;
  #listener: QueryRunner | undefined;
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Logger,
    private readonly changed: (bindingId: string) => void,
  ) {}

  start(): void {
    const look = () => {
      this.#polling ??= this.#poll().finally(() => {
        this.#polling = undefined;
      });
    };
    this.#timer = setInterval(look, POLL_MS);
    look();
  }

  /** False: the cache may hold what was revoked; drop it and answer 503. */
  confirmed(): boolean {
    return performance.now() - this.#confirmedAt < BELIEVED_MS;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#polling;
    await this.#release();
  }

  /** Never rejects: silence is what `confirmed` reports. */
  async #poll(): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.#listen();
      const [seen] = await this.dataSource.query<{ horizon: string; changed: string[] | null }[]>(
        `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
                (SELECT array_agg(DISTINCT binding_id) FROM rpc_endpoint_change WHERE transaction_id >= $1) AS changed`,
        [this.#horizon ?? '9223372036854775807'],
      );
      if (seen === undefined) return;
      this.#horizon = seen.horizon;
      for (const bindingId of seen.changed ?? []) this.changed(bindingId);
      if (startedAt > this.#confirmedAt) this.#confirmedAt = startedAt;
    } catch (thrown) {
      this.log.warn({ reason: reasonOf(thrown) }, 'no word of endpoint changes');
    }
  }

  async #listen(): Promise<void> {
    if (this.#listener !== undefined || this.#closed) return;
    const runner = this.dataSource.createQueryRunner();
    this.#listener = runner;
    const client = (await runner.connect()) as ListeningClient;
    client.on('notification', (message) => {
      if (message.payload !== undefined) this.changed(message.payload);
    });
    const lost = () => {
      if (this.#listener === runner) this.#listener = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    await runner.query(`LISTEN ${CHANGE_CHANNEL}`);
  }

  async #release(): Promise<void> {
    const runner = this.#listener;
    this.#listener = undefined;
    if (runner === undefined || runner.isReleased) return;
    await runner.query(`UNLISTEN ${CHANGE_CHANNEL}`);
    await runner.release();
  }
}

/** Changes are read within seconds; ten minutes keep them for anybody who looks. */
export function sweepChangesJob(dataSource: DataSource): Job {
  return {
    name: 'gateway-sweep-changes',
    schedule: '30 */5 * * * *',
    async run() {
      await dataSource.query(`DELETE FROM rpc_endpoint_change WHERE changed_at < now() - interval '10 minutes'`);
    },
  };
}
