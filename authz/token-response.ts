import type { EntityManager } from 'typeorm';
import type { GrantFacts, Grants } from './grants.js';
import type { Pcts } from './pct.js';
import type { Rpts } from './rpt.js';
import type { RequestingClient } from './token-request.js';

/** UMA Grant 3.3.5; no `scope` (K8). */
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'Bearer' | 'DPoP';
  readonly expires_in: number;
  readonly refresh_token?: string;
  readonly pct?: string;
  readonly upgraded?: true;
}

export interface ResponseParts {
  readonly rpts: Rpts;
  readonly grants: Grants;
  readonly pcts: Pcts;
  readonly rptLifetimeSeconds: number;
}

/** Issues the grant's RPT, with a refresh token when the client may have one and a PCT when claims are to be kept. */
export async function tokenResponse(
  parts: ResponseParts,
  grant: GrantFacts & { readonly grantId: string; readonly party: string; readonly upgraded: boolean },
  request: { readonly client: RequestingClient; readonly thumbprint?: string },
  manager: EntityManager,
  keepClaims: boolean,
): Promise<TokenResponse> {
  const { thumbprint } = request;
  const rpt = await parts.rpts.issue({ ...grant, ...(thumbprint !== undefined && { thumbprint }) }, manager);
  // RFC 9449, 5: a public client's refresh token is bound to the key too.
  const binding = request.client.isPublic ? thumbprint : undefined;
  return {
    access_token: rpt,
    token_type: thumbprint === undefined ? 'Bearer' : 'DPoP',
    expires_in: parts.rptLifetimeSeconds,
    ...(request.client.mayRefresh && {
      refresh_token: await parts.grants.addRefreshToken(grant, binding, manager),
    }),
    ...(keepClaims && { pct: await parts.pcts.create(grant.clientId, grant.gathered, manager) }),
    ...(grant.upgraded && { upgraded: true as const }),
  };
}
