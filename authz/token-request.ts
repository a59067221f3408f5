import { errors } from 'oidc-provider';
import type { DpopProofs } from './dpop.js';
import { UmaGrantError } from './errors.js';
import type { GrantContext } from './provider.js';

/** A request with the uma-ticket grant type (UMA Grant 3.3.1), well formed, its client authenticated. */
export interface UmaRequest {
  readonly ticket: string;
  readonly client: RequestingClient;
  readonly claimToken?: { readonly format: string; readonly token: string };
  readonly pct?: string;
  readonly rpt?: string;
  readonly scopes: readonly string[];
  /** RFC 7638 thumbprint of the key the RPT shall be bound to. */
  readonly thumbprint?: string;
}

export interface RequestingClient {
  readonly id: string;
  readonly registeredScopes: readonly string[];
  readonly claimsRedirectUris: readonly string[];
  readonly mayRefresh: boolean;
  readonly isPublic: boolean;
}

/** @throws InvalidRequest before the ticket is read, so that a malformed request does not spend it (M). */
export function readUmaRequest(ctx: GrantContext): Omit<UmaRequest, 'thumbprint'> {
  const { ticket, claim_token: token, claim_token_format: format, pct, rpt, scope } = ctx.oidc.params;
  if (ticket === undefined) throw new errors.InvalidRequest('missing required parameter: ticket');
  if ((token === undefined) !== (format === undefined)) {
    throw new errors.InvalidRequest('claim_token and claim_token_format come together or not at all');
  }
  return {
    ticket,
    client: requestingClient(ctx),
    ...(token !== undefined && format !== undefined && { claimToken: { format, token } }),
    ...(pct !== undefined && { pct }),
    ...(rpt !== undefined && { rpt }),
    scopes: words(scope),
  };
}

export function requestingClient(ctx: GrantContext): RequestingClient {
  const { client } = ctx.oidc;
  const metadata = client.metadata();
  return {
    id: client.clientId,
    registeredScopes: words(metadata.registered_scopes),
    claimsRedirectUris: Array.isArray(metadata.claims_redirect_uris) ? (metadata.claims_redirect_uris as string[]) : [],
    mayRefresh: client.grantTypeAllowed('refresh_token'),
    isPublic: metadata.token_endpoint_auth_method === 'none',
  };
}

/** @throws invalid_dpop_proof (RFC 9449, 5). */
export async function readProof(ctx: GrantContext, proofs: DpopProofs, issuer: string): Promise<string | undefined> {
  const proof = ctx.get('DPoP');
  if (proof === '') return undefined;
  const thumbprint = await proofs.verify(proof, { method: 'POST', url: `${issuer}/token` });
  if (thumbprint === undefined)
    throw new UmaGrantError(400, 'invalid_dpop_proof', 'the DPoP proof is not valid here, or was used before');
  return thumbprint;
}

function words(value: unknown): string[] {
  return typeof value === 'string' ? [...new Set(value.split(' ').filter((word) => word !== ''))] : [];
}
