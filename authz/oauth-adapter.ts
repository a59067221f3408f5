import type { AdapterPayload } from 'oidc-provider';
import type { DataSource } from 'typeorm';
import type { Clock } from '../src/clock.js';
import { digestOf } from './secrets.js';

/** oidc-provider's storage. The id of a token is the token itself, so neither id nor `jti` is stored, only the digest. */
export function oauthAdapter(dataSource: DataSource, clock: Clock) {
  return class OAuthAdapter {
    constructor(readonly model: string) {}

    async upsert(id: string, payload: AdapterPayload, expiresInSeconds?: number): Promise<void> {
      const { jti: _, ...kept } = payload;
      const expiresAt = expiresInSeconds ? new Date(clock.nowMs() + expiresInSeconds * 1000) : null;
      await dataSource.query(
        `INSERT INTO oauth_record (model, digest, payload, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (model, digest) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
        [this.model, digestOf(id), JSON.stringify(kept), expiresAt],
      );
    }

    async find(id: string): Promise<AdapterPayload | undefined> {
      const [row] = (await dataSource.query(
        'SELECT payload FROM oauth_record WHERE model = $1 AND digest = $2 AND (expires_at IS NULL OR expires_at > $3)',
        [this.model, digestOf(id), new Date(clock.nowMs())],
      )) as { payload: AdapterPayload }[];
      if (row === undefined) return undefined;
      return this.model === 'Client' ? row.payload : { ...row.payload, jti: id };
    }

    async consume(id: string): Promise<void> {
      await this.destroy(id);
    }

    async destroy(id: string): Promise<void> {
      await dataSource.query('DELETE FROM oauth_record WHERE model = $1 AND digest = $2', [this.model, digestOf(id)]);
    }

    /** Sessions and device codes are not offered. */
    async findByUid(): Promise<undefined> {
      return undefined;
    }

    async findByUserCode(): Promise<undefined> {
      return undefined;
    }

    /** Nothing stored here belongs to a grant: UMA grants have their own tables. */
    async revokeByGrantId(): Promise<void> {
      return undefined;
    }
  };
}

/** A client that has done something stays: it no longer expires as one that was never used. */
export async function keepClient(dataSource: DataSource, clientId: string): Promise<void> {
  await dataSource.query(
    `UPDATE oauth_record SET expires_at = NULL WHERE model = 'Client' AND digest = $1 AND expires_at IS NOT NULL`,
    [digestOf(clientId)],
  );
}

/** Are there at least `count` records of this model? Counts no further. */
export async function hasRecords(dataSource: DataSource, model: string, count: number): Promise<boolean> {
  const rows = await dataSource.query('SELECT 1 FROM oauth_record WHERE model = $1 OFFSET $2 LIMIT 1', [
    model,
    count - 1,
  ]);
  return (rows as unknown[]).length > 0;
}
