import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { ProtocolError } from './errors.js';

/**
 * The client that authenticates itself as at the token endpoint (RFC 6749 2.3): secret by basic or form, or, for a public
 * client, its id alone. @throws ProtocolError 401 invalid_client.
 */
export async function authenticateClient(
  provider: Provider,
  ctx: Context,
  form: Readonly<Record<string, string>>,
): Promise<string> {
  const { id, secret } = credentials(ctx, form);
  const client = id === undefined ? undefined : await provider.Client.find(id);
  if (client === undefined) throw invalidClient(ctx);
  const isPublic = client.metadata().token_endpoint_auth_method === 'none';
  if (isPublic ? secret !== undefined : secret === undefined || !(await client.compareClientSecret(secret))) {
    throw invalidClient(ctx);
  }
  return client.clientId;
}

function credentials(ctx: Context, form: Readonly<Record<string, string>>): { id?: string; secret?: string } {
  const basic = /^Basic +([A-Za-z0-9+/=]{1,2048})$/i.exec(ctx.get('authorization'))?.[1];
  if (basic === undefined) {
    return {
      ...(form.client_id !== undefined && { id: form.client_id }),
      ...(form.client_secret !== undefined && { secret: form.client_secret }),
    };
  }
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const [id, secret] = colon === -1 ? [] : [formDecode(text.slice(0, colon)), formDecode(text.slice(colon + 1))];
  return id === undefined || secret === undefined ? {} : { id, secret };
}

/** RFC 6749 2.3.1: id and secret are form-encoded inside the basic header. */
function formDecode(value: string): string | undefined {
  try {
    return decodeURIComponent(value.replaceAll('+', '%20'));
  } catch (fault) {
    if (fault instanceof URIError) return undefined;
    throw fault;
  }
}

function invalidClient(ctx: Context): ProtocolError {
  const headers =
    ctx.get('authorization') === '' ? {} : { 'WWW-Authenticate': 'Basic realm="ovsb", error="invalid_client"' };
  return new ProtocolError(401, 'invalid_client', 'client authentication failed', headers);
}
