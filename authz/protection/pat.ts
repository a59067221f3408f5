import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import { ProtocolError, unreachable } from '../errors.js';
import { PAT_SCOPE } from '../provider.js';

/** Whose PAT the request carries: the resource owner, which is also the resource server (UMA Federated Authorization 1.3). */
export interface ProtectionState {
  owner: string;
}

/** Demands a PAT: an access token with scope `uma_protection` (UMA Federated Authorization 1.3; errors by RFC 6750 3). */
export function requirePat(provider: () => Provider, issuer: string): Middleware<ProtectionState> {
  return async (ctx, next) => {
    if (ctx.get('authorization') === '') throw refused(issuer, undefined, 'a protection API token is needed');
    const pat = await tokenOf(provider, ctx);
    if (pat === undefined) throw refused(issuer, 'invalid_token', 'the token is unknown or has expired');
    if (!pat.scopes.has(PAT_SCOPE))
      throw refused(issuer, 'insufficient_scope', `the token lacks the scope ${PAT_SCOPE}`);
    ctx.state.owner = pat.clientId;
    await next();
  };
}

/**
 * The owner whose PAT the request carries; undefined for none, and for whatever else it carries.
 * @throws UnreachableError when the database cannot be asked.
 */
export async function patOwner(provider: () => Provider, ctx: Context): Promise<string | undefined> {
  const pat = await tokenOf(provider, ctx).catch((fault: unknown) => {
    throw unreachable(fault);
  });
  return pat?.scopes.has(PAT_SCOPE) === true ? pat.clientId : undefined;
}

/** The client's valid access token. */
async function tokenOf(provider: () => Provider, ctx: Context) {
  const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i.exec(ctx.get('authorization'))?.[1];
  const found = token === undefined ? undefined : await provider().ClientCredentials.find(token);
  return found?.clientId !== undefined && found.isValid
    ? { clientId: found.clientId, scopes: found.scopes }
    : undefined;
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
