import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../src/clock.js';
import { nowSeconds } from '../src/clock.js';
import { livePermissions } from './authorization-assessment.js';
import type { Permission } from './contract.js';
import { type GatheredClaims, provenParty } from './gathered-claims.js';
import { SIGNING_ALGORITHM, type SigningKeys } from './signing-key.js';

/** A permission as it stands in an RPT and in an introspection answer. */
export interface WirePermission {
  readonly resource_id: string;
  readonly resource_scopes: readonly string[];
}

export function onWire(permissions: readonly Permission[]): WirePermission[] {
  return permissions.map(({ resourceId, scopes }) => ({ resource_id: resourceId, resource_scopes: scopes }));
}

export interface NewRpt {
  readonly grantId: string;
  readonly owner: string;
  readonly clientId: string;
  readonly party: string;
  readonly permissions: readonly Permission[];
  readonly policySet: string;
  /** RFC 7638 thumbprint of the DPoP key, when bound. */
  readonly thumbprint?: string;
}

/** A live RPT with its grant. */
export interface LiveRpt {
  readonly jti: string;
  readonly grantId: string;
  readonly owner: string;
  readonly clientId: string;
  readonly kind: 'operator' | 'party';
  readonly party: string;
  readonly gathered: GatheredClaims;
  /** Those whose resource still exists, with the scopes it still has. */
  readonly permissions: readonly Permission[];
  readonly policySet: string;
  readonly thumbprint?: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface RptSettings {
  readonly issuer: string;
  readonly operatorId: string;
  readonly lifetimeSeconds: number;
}

/** Issues RPTs as RFC 9068 `at+jwt` and finds them again; a row beside each makes revocation effective at once. */
export class Rpts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: SigningKeys,
    private readonly clock: Clock,
    private readonly settings: RptSettings,
  ) {}

  /** The audience of an owner's RPTs: this product's own resource server is its public origin. */
  audience(owner: string): string {
    return owner === this.settings.operatorId ? new URL(this.settings.issuer).origin : owner;
  }

  /** Joins the caller's transaction. Returns the JWT. */
  async issue(rpt: NewRpt, manager: EntityManager): Promise<string> {
    const jti = randomUUID();
    const issuedAt = nowSeconds(this.clock);
    const expiresAt = issuedAt + this.settings.lifetimeSeconds;
    await manager.query(
      `INSERT INTO rpt (jti, grant_id, permissions, policy_set, thumbprint, issued_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        jti,
        rpt.grantId,
        JSON.stringify(rpt.permissions),
        rpt.policySet,
        rpt.thumbprint ?? null,
        new Date(issuedAt * 1000),
        new Date(expiresAt * 1000),
      ],
    );
    const { kid, key } = await this.keys.signing();
    return new SignJWT({
      client_id: rpt.clientId,
      permissions: onWire(rpt.permissions),
      policy_set: rpt.policySet,
      ...(rpt.thumbprint !== undefined && { cnf: { jkt: rpt.thumbprint } }),
    })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: 'at+jwt', kid })
      .setIssuer(this.settings.issuer)
      .setAudience(this.audience(rpt.owner))
      .setSubject(rpt.party)
      .setJti(jti)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key);
  }

  /** The jti of a JWT that we signed, also when it has expired; undefined for anything else. Never throws for bad input. */
  async jtiOf(jwt: string): Promise<string | undefined> {
    try {
      const key = await this.keys.find(decodeProtectedHeader(jwt).kid);
      if (key === undefined) return undefined;
      const { payload } = await jwtVerify(jwt, key, {
        issuer: this.settings.issuer,
        typ: 'at+jwt',
        algorithms: [SIGNING_ALGORITHM],
        currentDate: new Date(0),
      });
      return payload.jti;
    } catch (fault) {
      if (fault instanceof Error && 'code' in fault && String(fault.code).startsWith('ERR_J')) return undefined;
      if (fault instanceof TypeError) return undefined;
      throw fault;
    }
  }

  /** The RPT when it is ours, unexpired and not revoked, nor its grant. */
  async find(jwt: string): Promise<LiveRpt | undefined> {
    const rpt = await this.findExpired(jwt);
    return rpt !== undefined && rpt.expiresAt > nowSeconds(this.clock) ? rpt : undefined;
  }

  /** As `find`, but may have expired (an upgrade's `rpt`, UMA Grant 3.3.1). */
  async findExpired(jwt: string): Promise<LiveRpt | undefined> {
    const jti = await this.jtiOf(jwt);
    return jti === undefined ? undefined : this.findById(jti);
  }

  async findById(jti: string): Promise<LiveRpt | undefined> {
    const [row] = (await this.dataSource.query(
      `SELECT r.jti, r.grant_id, r.permissions, r.policy_set, r.thumbprint, r.issued_at, r.expires_at,
              g.owner, g.client_id, g.kind, g.gathered,
              (SELECT coalesce(jsonb_object_agg(id, scopes), '{}') FROM resource
               WHERE id IN (SELECT p->>'resourceId' FROM jsonb_array_elements(r.permissions) p)) AS live
       FROM rpt r JOIN uma_grant g ON g.id = r.grant_id
       WHERE r.jti = $1 AND r.revoked_at IS NULL AND g.revoked_at IS NULL`,
      [jti],
    )) as RptRow[];
    return row === undefined ? undefined : present(row);
  }
}

interface RptRow {
  jti: string;
  grant_id: string;
  permissions: Permission[];
  policy_set: string;
  thumbprint: string | null;
  issued_at: Date;
  expires_at: Date;
  owner: string;
  client_id: string;
  kind: 'operator' | 'party';
  gathered: GatheredClaims;
  live: Record<string, string[]>;
}

function present(row: RptRow): LiveRpt {
  return {
    jti: row.jti,
    grantId: row.grant_id,
    owner: row.owner,
    clientId: row.client_id,
    kind: row.kind,
    party: provenParty(row.gathered).party ?? `client:${row.client_id}`,
    gathered: row.gathered,
    permissions: livePermissions(row.permissions, new Map(Object.entries(row.live))),
    policySet: row.policy_set,
    ...(row.thumbprint !== null && { thumbprint: row.thumbprint }),
    issuedAt: row.issued_at.getTime() / 1000,
    expiresAt: row.expires_at.getTime() / 1000,
  };
}
