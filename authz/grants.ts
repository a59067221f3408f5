import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { Permission } from './contract.js';
import type { Lifetimes } from './deps.js';
import { type GatheredClaims, kept, keptUntilMs } from './gathered-claims.js';
import { announce } from './revocation.js';
import { digestOf, randomSecret } from './secrets.js';

export interface GrantFacts {
  readonly owner: string;
  readonly clientId: string;
  readonly kind: 'operator' | 'party';
  readonly gathered: GatheredClaims;
  readonly permissions: readonly Permission[];
  /** What of it an owner approved because policies left it to the owner. */
  readonly approved: readonly Permission[];
  readonly policySet: string;
}

/** Hashes of the policies in force: `own` of owners that have written some themselves, `common` of all others. */
export interface PolicySets {
  readonly common: string;
  readonly own: ReadonlyMap<string, string>;
}

export interface LiveGrant extends GrantFacts {
  readonly id: string;
}

/** Grants and their ends. Ending one ends all its RPTs and refresh tokens, at every replica. */
export class Grants {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly lifetimes: Lifetimes,
  ) {}

  async create(facts: GrantFacts, manager: EntityManager): Promise<string> {
    const id = randomUUID();
    await manager.query(
      `INSERT INTO uma_grant (id, owner, client_id, kind, gathered, permissions, approved, policy_set, created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        id,
        facts.owner,
        facts.clientId,
        facts.kind,
        JSON.stringify(this.#kept(facts.gathered)),
        JSON.stringify(facts.permissions),
        JSON.stringify(facts.approved),
        facts.policySet,
        new Date(this.clock.nowMs()),
        this.#end(),
      ],
    );
    return id;
  }

  /** The policies were asked again and permit it still. */
  async stillPermitted(id: string, policySet: string): Promise<void> {
    await this.dataSource.query('UPDATE uma_grant SET policy_set = $2 WHERE id = $1 AND revoked_at IS NULL', [
      id,
      policySet,
    ]);
  }

  /** The grant after an upgrade or a refresh. */
  async update(id: string, facts: GrantFacts, manager: EntityManager): Promise<void> {
    await manager.query(
      `UPDATE uma_grant SET gathered = $2, permissions = $3, approved = $4, policy_set = $5, expires_at = $6
       WHERE id = $1 AND revoked_at IS NULL`,
      [
        id,
        JSON.stringify(this.#kept(facts.gathered)),
        JSON.stringify(facts.permissions),
        JSON.stringify(facts.approved),
        facts.policySet,
        this.#end(),
      ],
    );
  }

  /** It ends with the first of the proofs that the grant rests on: a chain of refreshes outlives none (security.md B4). */
  async addRefreshToken(
    { grantId, gathered }: Pick<GrantFacts, 'gathered'> & { readonly grantId: string },
    thumbprint: string | undefined,
    manager: EntityManager,
  ): Promise<string> {
    const secret = randomSecret();
    const endMs = this.clock.nowMs() + this.lifetimes.refreshToken * 1000;
    const expiresAt = new Date(Math.min(endMs, keptUntilMs(this.#kept(gathered))));
    await manager.query(
      'INSERT INTO refresh_token (digest, grant_id, thumbprint, expires_at) VALUES ($1, $2, $3, $4)',
      [digestOf(secret), grantId, thumbprint ?? null, expiresAt],
    );
    return secret;
  }

  async revoke(id: string, manager?: EntityManager): Promise<void> {
    if (manager === undefined) return this.dataSource.transaction((own) => this.revoke(id, own));
    const now = new Date(this.clock.nowMs());
    await manager.query('UPDATE uma_grant SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL', [id, now]);
    const [rpts] = (await manager.query(
      'UPDATE rpt SET revoked_at = $2 WHERE grant_id = $1 AND revoked_at IS NULL AND expires_at > $2 RETURNING jti',
      [id, now],
    )) as [{ jti: string }[], number];
    for (const { jti } of rpts) await announce(manager, { kind: 'token', id: jti }, now.getTime());
  }

  /** Ends every ticket, grant, PCT and PAT. */
  async revokeAll(): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const now = this.clock.nowMs();
      await manager.query('DELETE FROM permission_ticket');
      await manager.query('DELETE FROM persisted_claims');
      await manager.query("DELETE FROM oauth_record WHERE model <> 'Client'");
      await manager.query('UPDATE uma_grant SET revoked_at = $1 WHERE revoked_at IS NULL', [new Date(now)]);
      await announce(manager, { kind: 'all' }, now);
    });
  }

  /** Ends one RPT. False when it had ended already: of parallel upgrades of one RPT a single one carries it over. */
  async revokeRpt(jti: string, manager?: EntityManager): Promise<boolean> {
    if (manager === undefined) return this.dataSource.transaction((own) => this.revokeRpt(jti, own));
    const now = new Date(this.clock.nowMs());
    const [ended] = (await manager.query(
      'UPDATE rpt SET revoked_at = $2 WHERE jti = $1 AND revoked_at IS NULL RETURNING jti',
      [jti, now],
    )) as [unknown[], number];
    if (ended.length === 0) return false;
    await announce(manager, { kind: 'token', id: jti }, now.getTime());
    return true;
  }

  /** Live grants decided under other policies than those that rule their resources now, by id, after `after`. */
  async decidedElsewhere({ common, own }: PolicySets, after: string, limit: number): Promise<LiveGrant[]> {
    const rows = (await this.dataSource.query(
      `SELECT id, g.owner, client_id, kind, gathered, permissions, approved, policy_set
       FROM uma_grant g LEFT JOIN unnest($5::text[], $6::text[]) AS own (owner, hash) ON own.owner = g.owner
       WHERE policy_set <> coalesce(own.hash, $1) AND id > $2 AND revoked_at IS NULL AND expires_at > $3
       ORDER BY id LIMIT $4`,
      [common, after, new Date(this.clock.nowMs()), limit, [...own.keys()], [...own.values()]],
    )) as GrantRow[];
    return rows.map(presentGrant);
  }

  /** What an owner approved of the grant. */
  async approvedOf(id: string, manager: EntityManager = this.dataSource.manager): Promise<readonly Permission[]> {
    const [row] = (await manager.query('SELECT approved FROM uma_grant WHERE id = $1', [id])) as GrantRow[];
    return row?.approved ?? [];
  }

  #kept(gathered: GatheredClaims): GatheredClaims {
    return kept(gathered, this.clock.nowMs(), this.lifetimes);
  }

  #end(): Date {
    const seconds = Math.max(this.lifetimes.refreshToken, this.lifetimes.rpt);
    return new Date(this.clock.nowMs() + seconds * 1000);
  }
}

export interface GrantRow {
  id: string;
  owner: string;
  client_id: string;
  kind: 'operator' | 'party';
  gathered: GatheredClaims;
  permissions: Permission[];
  approved: Permission[];
  policy_set: string;
}

export function presentGrant(row: GrantRow): LiveGrant {
  return {
    id: row.id,
    owner: row.owner,
    clientId: row.client_id,
    kind: row.kind,
    gathered: row.gathered,
    permissions: row.permissions,
    approved: row.approved,
    policySet: row.policy_set,
  };
}
