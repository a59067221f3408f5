import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { Clock } from '../clock.js';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';

/** A document of the operator that every replica reads from files of its own. */
export interface ReplicatedDocument {
  readonly name: string;
  /** Files, or the folder, it is read from. */
  readonly paths: readonly string[];
  /** Of the version this process works with. */
  hash(): string;
}

interface Row {
  readonly name: string;
  readonly hash: string;
  readonly edited_at: Date;
  /** No replica that has it was there lately. */
  readonly deserted: boolean;
}

interface Watched {
  readonly document: ReplicatedDocument;
  /** At the last look; undefined before the first. */
  hash: string | undefined;
  /** Since when it is not the one in force, in milliseconds of the clock. */
  differsSinceMs: number | undefined;
  /** Since when each look found nobody who has the one in force. */
  desertedSinceMs: number | undefined;
}

const LOOK_EVERY_MS = 1_000;
const CONFIRM_EVERY = "interval '2 seconds'";
const DESERTED_AFTER = "interval '6 seconds'";
/** Longer than between two confirmations, and shorter than it takes to be deserted by more than one look. */
const GIVEN_UP = "interval '4 seconds'";
/** Replicas on one folder need not see an edit at the same moment, nor confirm at once after the database was away. */
const GRACE_MS = 3_000;

/**
 * Whether this replica's documents are those in force (security.md C3). The newest edit is: of a replica that reloads, of
 * one that starts with files edited later, or of the only ones that run. Looks each second; a replica that differs for
 * longer than three is not ready and must issue nothing.
 * INVARIANT: `document_in_force` has one hash per document; replacing it names the hash it replaces, so that of two
 * replicas that change it at once the later one looks again.
 */
export class DocumentsInForce {
  readonly #watched: Watched[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  watch(document: ReplicatedDocument): void {
    this.#watched.push({ document, hash: undefined, differsSinceMs: undefined, desertedSinceMs: undefined });
  }

  /** The first look; after it one each second. */
  async open(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch((fault: unknown) => this.logger.warn({ reason: reasonOf(fault) }, 'documents could not be compared'))
        .finally(() => {
          this.#looking = undefined;
        });
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Which document differs, or is not compared yet, for people; undefined when all are those in force. */
  differing(): string | undefined {
    const unknown = this.#watched.find(({ hash }) => hash === undefined);
    if (unknown !== undefined) return `${unknown.document.name}: not compared with other replicas' yet`;
    const limit = this.clock.nowMs() - GRACE_MS;
    const stale = this.#watched.find(({ differsSinceMs }) => differsSinceMs !== undefined && differsSinceMs <= limit);
    if (stale === undefined) return undefined;
    return `${stale.document.name}: another replica works with other files; give every replica the same`;
  }

  async look(): Promise<void> {
    const rows: Row[] = await this.dataSource.query(
      `SELECT name, hash, edited_at, confirmed_at < now() - ${DESERTED_AFTER} AS deserted FROM document_in_force`,
    );
    for (const watched of this.#watched) {
      const row = rows.find(({ name }) => name === watched.document.name);
      await this.#compare(watched, row);
    }
  }

  /** What only this process has is soon given up: peers that have it too confirm it before that. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    for (const { document, hash } of this.#watched) {
      await this.dataSource.query(
        `UPDATE document_in_force SET confirmed_at = least(confirmed_at, now() - ${GIVEN_UP})
         WHERE name = $1 AND hash = $2`,
        [document.name, hash],
      );
    }
  }

  async #compare(watched: Watched, row: Row | undefined): Promise<void> {
    const { document } = watched;
    const hash = document.hash();
    watched.desertedSinceMs = row?.deserted ? (watched.desertedSinceMs ?? this.clock.nowMs()) : undefined;
    const inForce =
      row?.hash === hash ? await this.#confirm(document.name, hash) : await this.#replace(watched, hash, row);
    if (inForce) watched.differsSinceMs = undefined;
    else if (watched.differsSinceMs === undefined) {
      // Who never had what is in force gets no grace.
      watched.differsSinceMs = watched.hash === undefined ? 0 : this.clock.nowMs();
      this.logger.warn({ document: document.name, hash, inForce: row?.hash }, 'another replica has other documents');
    }
    watched.hash = hash;
  }

  async #confirm(name: string, hash: string): Promise<boolean> {
    await this.dataSource.query(
      `UPDATE document_in_force SET confirmed_at = now()
       WHERE name = $1 AND hash = $2 AND confirmed_at < now() - ${CONFIRM_EVERY}`,
      [name, hash],
    );
    return true;
  }

  /** False when what is in force stays so. */
  async #replace(watched: Watched, hash: string, row: Row | undefined): Promise<boolean> {
    const { document, hash: before, desertedSinceMs } = watched;
    const editedAt = newestEdit(document.paths);
    const reloaded = before !== undefined && before !== hash;
    const edited = before === undefined && row !== undefined && editedAt > row.edited_at;
    const waitedMs = desertedSinceMs === undefined ? 0 : this.clock.nowMs() - desertedSinceMs;
    const vacant = row === undefined || (row.deserted && (before === undefined || waitedMs >= GRACE_MS));
    if (!vacant && !reloaded && !edited) return false;
    const rows: unknown[] = await this.dataSource.query(
      `INSERT INTO document_in_force (name, hash, edited_at, confirmed_at) VALUES ($1, $2, $3, now())
       ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, confirmed_at = excluded.confirmed_at,
         edited_at = greatest(excluded.edited_at, document_in_force.edited_at)
       WHERE document_in_force.hash = $4
       RETURNING 1`,
      [document.name, hash, editedAt, row?.hash ?? hash],
    );
    return rows.length > 0;
  }
}

/** Modification time of the newest file, folders looked through. What is gone, or leads nowhere as editors' locks do, has none. */
function newestEdit(paths: readonly string[]): Date {
  const files = paths.flatMap((path) => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
    return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name));
  });
  return new Date(Math.max(0, ...files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0)));
}
