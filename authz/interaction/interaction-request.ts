import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { singleValues } from '../http.js';

/** UMA Grant 3.3.2: the client sends the party here. */
export interface InteractionRequest {
  readonly clientId: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly ticket: string | undefined;
  /** Given back as it came, if it came. */
  readonly state: string | undefined;
}

/** A request whose client and redirect URI cannot be trusted: it gets a page, never a redirect (C). */
export interface Refusal {
  readonly refusal: string;
}

/** Reads the parameters; the redirect URI must be one of the client's `claims_redirect_uris`, character for character. */
export async function readInteraction(
  provider: Provider,
  parameters: Readonly<Record<string, string>>,
): Promise<InteractionRequest | Refusal> {
  const client = await provider.Client.find(parameters.client_id ?? '');
  if (client === undefined) return { refusal: 'The application is not known here.' };
  const metadata = client.metadata();
  const registered = Array.isArray(metadata.claims_redirect_uris) ? (metadata.claims_redirect_uris as string[]) : [];
  // It may be left out when exactly one is registered.
  const redirectUri = parameters.claims_redirect_uri ?? (registered.length === 1 ? registered[0] : undefined);
  if (redirectUri === undefined || !registered.includes(redirectUri)) {
    return { refusal: 'The address to go back to is not registered for this application.' };
  }
  return {
    clientId: client.clientId,
    clientName: metadata.client_name ?? client.clientId,
    redirectUri,
    ticket: parameters.ticket,
    state: parameters.state,
  };
}

export function queryOf(ctx: Context): Readonly<Record<string, string>> {
  return singleValues(new URLSearchParams(ctx.querystring));
}

/** Sends the party back with these parameters added to the registered query, and `state` iff it was sent. */
export function redirectBack(
  ctx: Context,
  request: Pick<InteractionRequest, 'redirectUri' | 'state'>,
  parameters: Readonly<Record<string, string>>,
): void {
  const added = new URLSearchParams(parameters);
  if (request.state !== undefined) added.append('state', request.state);
  // The registered query stays as it was written.
  const joint = request.redirectUri.includes('?') ? '&' : '?';
  ctx.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  ctx.status = 303;
  ctx.set('Location', `${request.redirectUri}${joint}${added}`);
  ctx.body = '';
}
