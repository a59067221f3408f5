import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import { ProtocolError } from '../errors.js';
import { PAT_SCOPE } from '../provider.js';

/** Whose PAT the request carries: the resource owner, which is also the resource server (UMA Federated Authorization 1.3). */
export interface ProtectionState {
  owner: string;
}

/** Demands a PAT: an access token with scope `uma_protection` (UMA Federated Authorization 1.3; errors by RFC 6750 3). */
export function requirePat(provider: () => Provider, issuer: string): Middleware<ProtectionState> {
  return async (ctx, next) => {
    const header = ctx.get('authorization');
    if (header === '') throw refused(issuer, undefined, 'a protection API token is needed');
    const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i.exec(header)?.[1];
    const pat = token === undefined ? undefined : await provider().ClientCredentials.find(token);
    if (pat?.clientId === undefined || !pat.isValid)
      throw refused(issuer, 'invalid_token', 'the token is unknown or has expired');
    if (!pat.scopes.has(PAT_SCOPE))
      throw refused(issuer, 'insufficient_scope', `the token lacks the scope ${PAT_SCOPE}`);
    ctx.state.owner = pat.clientId;
    await next();
  };
}

function refused(realm: string, error: string | undefined, description: string): ProtocolError {
  const attributes = error === undefined ? '' : `, error="${error}"`;
  const scope = error === 'insufficient_scope' ? `, scope="${PAT_SCOPE}"` : '';
  return new ProtocolError(401, error ?? 'invalid_token', description, {
    'WWW-Authenticate': `Bearer realm="${realm}"${attributes}${scope}`,
  });
}

export function ownerOf(ctx: Context): string {
  return (ctx.state as ProtectionState).owner;
}
