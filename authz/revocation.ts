import pg from 'pg';
import { Check, Column, type DataSource, Entity, type EntityManager, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { DatabaseConnection } from '../src/database/connection.js';
import { clientConfig } from '../src/database/connection.js';
import type { Logger } from '../src/logger.js';
import type { Revocation } from './contract.js';

const CHANNEL = 'authz_revocation';
const POLL_MS = 1000;
/** Unconfirmed for longer than this, nothing cached may be trusted (security.md B5). */
const STALE_MS = 3000;

/** What ended, in order; kept a day for replicas that were away. */
@Entity('revocation')
@Check('revocation_kind', `kind IN ('token', 'resource', 'all')`)
export class RevocationRow {
  @PrimaryGeneratedColumn('increment', { type: 'bigint', primaryKeyConstraintName: 'revocation_pkey' })
  sequence!: string;

  /** The transaction that wrote it: sequence numbers may become visible out of order, snapshots may not. */
  @Index('revocation_transaction')
  @Column({ type: 'bigint' })
  transaction!: string;

  @Column({ type: 'text' })
  kind!: Revocation['kind'];

  @Column({ type: 'text', nullable: true })
  id!: string | null;

  @Column({ type: 'timestamptz' })
  at!: Date;
}

/** Writes the revocation in the caller's transaction; every replica hears of it when that commits. */
export async function announce(manager: EntityManager, revocation: Revocation, nowMs: number): Promise<void> {
  const [row] = (await manager.query(
    `INSERT INTO revocation (transaction, kind, id, at) VALUES (pg_current_xact_id()::text::bigint, $1, $2, $3)
     RETURNING sequence::text`,
    [revocation.kind, revocation.id ?? null, new Date(nowMs)],
  )) as { sequence: string }[];
  const notice: Notice = { sequence: row?.sequence ?? '', revocation };
  await manager.query('SELECT pg_notify($1, $2)', [CHANNEL, JSON.stringify(notice)]);
}

interface Notice {
  readonly sequence: string;
  readonly revocation: Revocation;
}

interface Look {
  readonly xmin: string;
  readonly rows: readonly Pick<RevocationRow, 'sequence' | 'kind' | 'id'>[];
}

/**
 * Hears of revocations by NOTIFY at once and by polling each second, so that none is missed while the connection is
 * down. After a lost connection listeners may hear of one twice.
 */
export class RevocationFeed {
  readonly #listeners = new Set<(revocation: Revocation) => void>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #polling: Promise<void> | undefined;
  /** Oldest transaction that was still open at the last look. */
  #xmin = '0';
  #seen = new Set<string>();
  #confirmedMs = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly connection: DatabaseConnection,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  async open(): Promise<void> {
    await this.#poll(false);
    await this.#listen();
    this.#timer = setInterval(() => this.#tick(), POLL_MS);
    this.#timer.unref();
  }

  listen(listener: (revocation: Revocation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** No revocation can have been missed for longer than three seconds. */
  get confirmed(): boolean {
    return this.clock.nowMs() - this.#confirmedMs < STALE_MS;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#polling;
    await this.#client
      ?.end()
      .catch((fault: unknown) => this.logger.debug({ err: fault }, 'listener was already closed'));
  }

  #tick(): void {
    if (this.#polling !== undefined) return;
    this.#polling = this.#look().finally(() => {
      this.#polling = undefined;
    });
  }

  async #look(): Promise<void> {
    try {
      await this.#poll(true);
      if (this.#client === undefined && !this.#closed) await this.#listen();
    } catch (fault) {
      this.logger.warn({ err: fault }, 'revocations could not be read');
    }
  }

  async #poll(tell: boolean): Promise<void> {
    const startedMs = this.clock.nowMs();
    const [look] = (await this.dataSource.query(
      `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin,
              coalesce((SELECT json_agg(json_build_object('sequence', sequence::text, 'kind', kind, 'id', id) ORDER BY sequence)
                        FROM revocation WHERE transaction >= $1::bigint), '[]') AS rows`,
      [this.#xmin],
    )) as Look[];
    if (look === undefined) return;
    const fresh = look.rows.filter((row) => !this.#seen.has(row.sequence));
    this.#seen = new Set(look.rows.map((row) => row.sequence));
    this.#xmin = look.xmin;
    this.#confirmedMs = startedMs;
    if (tell)
      for (const row of fresh) this.#tell(row.id === null ? { kind: row.kind } : { kind: row.kind, id: row.id });
  }

  async #listen(): Promise<void> {
    const client = new pg.Client(clientConfig(this.connection));
    const drop = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', drop);
    client.on('end', drop);
    client.on('notification', (message) => this.#heard(message.payload));
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    if (this.#closed) await client.end();
    else this.#client = client;
  }

  #heard(payload: string | undefined): void {
    if (payload === undefined) return;
    const { sequence, revocation } = JSON.parse(payload) as Notice;
    this.#seen.add(sequence);
    this.#tell(revocation);
  }

  #tell(revocation: Revocation): void {
    for (const listener of this.#listeners) {
      try {
        listener(revocation);
      } catch (fault) {
        this.logger.error({ err: fault }, 'a revocation listener failed');
      }
    }
  }
}
