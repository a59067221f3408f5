import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { Lifetimes } from './deps.js';
import { type GatheredClaims, kept, keptUntilMs } from './gathered-claims.js';
import { digestOf, randomSecret } from './secrets.js';

/** Persisted claims tokens (UMA Grant 3.3.3): opaque, bound to the client, stored by digest (K9). None outlives its proof (security.md B4). */
export class Pcts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly lifetimes: Lifetimes,
  ) {}

  async create(clientId: string, gathered: GatheredClaims, manager: EntityManager): Promise<string> {
    const secret = randomSecret();
    const now = this.clock.nowMs();
    const endMs = keptUntilMs(kept(gathered, now, this.lifetimes));
    await manager.query(
      'INSERT INTO persisted_claims (digest, client_id, gathered, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)',
      [digestOf(secret), clientId, JSON.stringify(gathered), new Date(now), new Date(endMs)],
    );
    return secret;
  }

  /** Undefined for an unknown, expired or another client's PCT: it is then as if none had been sent. */
  async find(secret: string, clientId: string): Promise<GatheredClaims | undefined> {
    const [row] = (await this.dataSource.query(
      'SELECT gathered, expires_at FROM persisted_claims WHERE digest = $1 AND client_id = $2 AND expires_at > $3',
      [digestOf(secret), clientId, new Date(this.clock.nowMs())],
    )) as { gathered: GatheredClaims; expires_at: Date }[];
    const keepUntilMs = row?.expires_at.getTime();
    return row && { proofs: row.gathered.proofs.map((proof) => ({ ...proof, keepUntilMs: keepUntilMs as number })) };
  }

  async revoke(secret: string, clientId: string): Promise<boolean> {
    const [rows] = (await this.dataSource.query(
      'DELETE FROM persisted_claims WHERE digest = $1 AND client_id = $2 RETURNING 1',
      [digestOf(secret), clientId],
    )) as [unknown[], number];
    return rows.length > 0;
  }
}
