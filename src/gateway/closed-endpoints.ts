import type { DataSource, QueryRunner } from 'typeorm';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';

export const CLOSED_CHANNEL = 'ovsb_rpc_endpoint_closed';

export interface ClosedEndpoint {
  readonly bindingId: string;
  readonly resourceId: string;
}

/** Without word from the database for this long, nothing cached is believed (security.md B5). */
const BELIEVED_MS = 3000;
const POLL_MS = 1000;
/** Above every transaction id: nothing is cached yet, so nothing before the first look matters. */
const LAST_TRANSACTION = '9223372036854775807';

interface ListeningClient {
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): void;
  on(event: 'error' | 'end', listener: () => void): void;
}

/**
 * Hears of every endpoint closed on any replica: by notification at once, and each second by asking for
 * those of transactions that were not yet visible last time, so that a lost notification costs a second at most.
 */
export class ClosedEndpoints {
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
    private readonly closed: (endpoint: ClosedEndpoint | 'all') => void,
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
      // One statement, one snapshot: what the horizon leaves out, the next look includes.
      const [seen] = await this.dataSource.query<{ horizon: string; closed: ClosedEndpoint[] }[]>(
        `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
                coalesce((SELECT json_agg(json_build_object('bindingId', binding_id, 'resourceId', resource_id))
                          FROM rpc_endpoint WHERE closed_in_transaction >= $1), '[]') AS closed`,
        [this.#horizon ?? LAST_TRANSACTION],
      );
      if (seen === undefined) return;
      this.#horizon = seen.horizon;
      for (const endpoint of seen.closed) this.closed(endpoint);
      if (startedAt > this.#confirmedAt) this.#confirmedAt = startedAt;
    } catch (thrown) {
      this.log.warn({ reason: reasonOf(thrown) }, 'no word of closed endpoints');
    }
  }

  async #listen(): Promise<void> {
    if (this.#listener !== undefined || this.#closed) return;
    const runner = this.dataSource.createQueryRunner();
    const client = (await runner.connect()) as ListeningClient;
    client.on('notification', (message) => {
      if (message.payload !== undefined) this.closed(JSON.parse(message.payload));
    });
    const lost = () => {
      if (this.#listener === runner) this.#listener = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    try {
      await runner.query(`LISTEN ${CLOSED_CHANNEL}`);
      this.#listener = runner;
    } catch (thrown) {
      await runner.release();
      throw thrown;
    }
  }

  async #release(): Promise<void> {
    const runner = this.#listener;
    this.#listener = undefined;
    if (runner === undefined || runner.isReleased) return;
    await runner.query(`UNLISTEN ${CLOSED_CHANNEL}`);
    await runner.release();
  }
}
