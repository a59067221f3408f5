import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../../src/clock.js';
import { ProtocolError } from '../../errors.js';

export const CHANNEL = 'authz_owner_policy';
/** Owners register themselves: what they write is bounded in all. */
const MAX_DOCUMENTS = 1_000;

/** What a request demands of the document it changes (RFC 9110 13.1): `*`, or its ETags. */
export interface Preconditions {
  readonly ifMatch?: '*' | readonly string[];
  /** There must be none yet. */
  readonly ifNoneMatch?: '*';
}

/** A row as it is read. */
export interface StoredDocument {
  readonly owner: string;
  readonly text: string;
  readonly etag: string;
  /** SHA-256 (hex) of the schema it was found to fit. */
  readonly schema: string;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The owners' documents as the database has them. Every change is notified to all replicas when it commits. */
export class OwnerDocuments {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  async find(owner: string): Promise<StoredDocument | undefined> {
    return (await this.read([owner]))[0];
  }

  async read(owners: readonly string[]): Promise<readonly StoredDocument[]> {
    return this.dataSource.query(
      'SELECT owner, document AS text, etag, schema FROM owner_policy WHERE owner = ANY($1)',
      [owners],
    );
  }

  /** One value for all owners and what they wrote: equal only when nothing has changed. */
  async digest(): Promise<string> {
    const [row] = (await this.dataSource.query(
      `SELECT coalesce(md5(string_agg(owner || ' ' || etag, ',' ORDER BY owner)), '') AS digest FROM owner_policy`,
    )) as { digest: string }[];
    return row?.digest ?? '';
  }

  /** ETag by owner. */
  async etags(): Promise<ReadonlyMap<string, string>> {
    const rows = (await this.dataSource.query('SELECT owner, etag FROM owner_policy')) as StoredDocument[];
    return new Map(rows.map(({ owner, etag }) => [owner, etag]));
  }

  /** These fit this schema, so that nobody need check them again. */
  async fit(documents: readonly { readonly owner: string; readonly etag: string }[], schema: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE owner_policy SET schema = $3 FROM unnest($1::text[], $2::text[]) AS f(owner, etag)
       WHERE owner_policy.owner = f.owner AND owner_policy.etag = f.etag`,
      [documents.map(({ owner }) => owner), documents.map(({ etag }) => etag), schema],
    );
  }

  /**
   * Full replacement. True when there was none before. @throws ProtocolError 412 when a precondition fails, 503 when no
   * further owner may write.
   */
  async put(owner: string, text: string, schema: string, conditions: Preconditions): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      const before = await this.#lock(owner, conditions, manager);
      if (before === undefined) await requireRoom(manager);
      await manager.query(
        `INSERT INTO owner_policy (owner, document, etag, schema, changed_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (owner) DO UPDATE SET document = excluded.document, etag = excluded.etag,
           schema = excluded.schema, changed_at = excluded.changed_at`,
        [owner, text, sha256(text), schema, new Date(this.clock.nowMs())],
      );
      await notify(manager);
      return before === undefined;
    });
  }

  /** False when there was none. @throws ProtocolError 412. */
  async remove(owner: string, conditions: Preconditions): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      if ((await this.#lock(owner, conditions, manager)) === undefined) return false;
      await manager.query('DELETE FROM owner_policy WHERE owner = $1', [owner]);
      await notify(manager);
      return true;
    });
  }

  /** Alone with the table until the transaction ends, so that bound and preconditions hold. The ETag there is. */
  async #lock(owner: string, conditions: Preconditions, manager: EntityManager): Promise<string | undefined> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('owner policies', 0))`);
    const [row] = (await manager.query('SELECT etag FROM owner_policy WHERE owner = $1', [owner])) as {
      etag: string;
    }[];
    requireMatch(row?.etag, conditions);
    return row?.etag;
  }
}

/** @throws ProtocolError 412 (RFC 9110 15.5.13). */
function requireMatch(etag: string | undefined, { ifMatch, ifNoneMatch }: Preconditions): void {
  const matches = ifMatch === undefined || (etag !== undefined && (ifMatch === '*' || ifMatch.includes(`"${etag}"`)));
  if (matches && (ifNoneMatch === undefined || etag === undefined)) return;
  throw new ProtocolError(412, 'precondition_failed', 'the policies have been changed since: read them again');
}

async function requireRoom(manager: EntityManager): Promise<void> {
  const [row] = (await manager.query('SELECT count(*)::int AS count FROM owner_policy')) as { count: number }[];
  if ((row?.count ?? 0) >= MAX_DOCUMENTS)
    throw new ProtocolError(503, 'temporarily_unavailable', `no more than ${MAX_DOCUMENTS} owners may have policies`);
}

async function notify(manager: EntityManager): Promise<void> {
  await manager.query('SELECT pg_notify($1, $2)', [CHANNEL, '']);
}
