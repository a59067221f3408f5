import { errors } from 'oidc-provider';
import type { DataSource, EntityManager } from 'typeorm';
import { livePermissions } from './authorization-assessment.js';
import type { Permission } from './contract.js';
import type { DpopProofs } from './dpop.js';
import { invalidGrant } from './errors.js';
import { provenParty } from './gathered-claims.js';
import { type GrantRow, type Grants, type LiveGrant, presentGrant } from './grants.js';
import type { Pcts } from './pct.js';
import type { Resources } from './protection/resources.js';
import type { GrantHandler } from './provider.js';
import type { Reassessment } from './reassessment.js';
import type { Rpts } from './rpt.js';
import { digestOf } from './secrets.js';
import { readProof, requestingClient } from './token-request.js';
import { tokenResponse } from './token-response.js';

export interface RefreshParts {
  readonly dataSource: DataSource;
  readonly issuer: string;
  readonly grants: Grants;
  readonly rpts: Rpts;
  readonly pcts: Pcts;
  readonly resources: Resources;
  readonly reassessment: Reassessment;
  readonly proofs: DpopProofs;
  readonly nowMs: () => number;
  readonly rptLifetimeSeconds: number;
}

/**
 * RFC 6749 6 for RPTs. No assessment runs (K11); only when the policies have changed since is the grant asked about again,
 * and ended when it would now be denied (security.md B4).
 */
export function refreshGrant(parts: RefreshParts): GrantHandler {
  return async (ctx) => {
    const secret = ctx.oidc.params.refresh_token;
    if (secret === undefined) throw new errors.InvalidRequest('missing required parameter: refresh_token');
    const client = requestingClient(ctx);
    const thumbprint = await readProof(ctx, parts.proofs, parts.issuer);
    const token = await find(parts, secret, client.id);
    if (token.thumbprint !== null && token.thumbprint !== thumbprint)
      throw invalidGrant('the refresh token is bound to a DPoP key');
    const policySet = parts.reassessment.policySet(token.grant.owner);
    await parts.reassessment.confirm(token.grant);
    if (client.isPublic) await spend(parts, secret, token.grant.id);
    ctx.body = await parts.dataSource.transaction(async (manager) => {
      const permissions = await standing(parts, token.grant, manager);
      const { gathered, clientId } = token.grant;
      const grant = { ...token.grant, grantId: token.grant.id, permissions, policySet };
      const request = {
        client: { ...client, mayRefresh: client.isPublic },
        ...(thumbprint !== undefined && { thumbprint }),
      };
      await parts.grants.update(grant.id, grant, manager);
      const party = provenParty(gathered).party ?? `client:${clientId}`;
      return tokenResponse(parts, { ...grant, party, upgraded: false }, request, manager, false);
    });
    parts.reassessment.startUnless(policySet, token.grant.owner);
  };
}

async function find(
  parts: RefreshParts,
  secret: string,
  clientId: string,
): Promise<{ grant: LiveGrant; thumbprint: string | null }> {
  const [row] = (await parts.dataSource.query(
    `SELECT g.*, t.thumbprint FROM refresh_token t JOIN uma_grant g ON g.id = t.grant_id
     WHERE t.digest = $1 AND g.client_id = $2 AND t.expires_at > $3 AND g.revoked_at IS NULL`,
    [digestOf(secret), clientId, new Date(parts.nowMs())],
  )) as (GrantRow & { thumbprint: string | null })[];
  if (row === undefined) throw invalidGrant('the refresh token is unknown, expired or revoked');
  return { grant: presentGrant(row), thumbprint: row.thumbprint };
}

/** A public client's refresh token serves once. A second use means that it was stolen: the whole grant ends. */
async function spend(parts: RefreshParts, secret: string, grantId: string): Promise<void> {
  const [spent] = (await parts.dataSource.query(
    'UPDATE refresh_token SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING 1',
    [digestOf(secret), new Date(parts.nowMs())],
  )) as [unknown[], number];
  if (spent.length > 0) return;
  await parts.grants.revoke(grantId);
  throw invalidGrant('the refresh token was used before');
}

/** What of the grant its resources still have, held until the transaction ends. */
async function standing(parts: RefreshParts, grant: LiveGrant, manager: EntityManager): Promise<readonly Permission[]> {
  const available = await parts.resources.scopesOf(grant.permissions, manager);
  const permissions = livePermissions(grant.permissions, available);
  if (permissions.length === 0) throw invalidGrant('the resources of the grant are gone');
  await parts.resources.hold(permissions, manager);
  return permissions;
}
