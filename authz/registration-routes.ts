import { randomUUID } from 'node:crypto';
import Router from '@koa/router';
import type { Context } from 'koa';
import type { AdapterPayload } from 'oidc-provider';
import type { Clock } from '../src/clock.js';
import { nowSeconds } from '../src/clock.js';
import { compileSchema, problems } from '../src/validate.js';
import { ProtocolError } from './errors.js';
import { readJson } from './http.js';
import { PAT_SCOPE, storedSecret, UMA_GRANT_TYPE } from './provider.js';
import { digestOf, randomSecret, sameSecret } from './secrets.js';

interface ClientMetadata {
  readonly client_name?: string;
  readonly client_uri?: string;
  readonly contacts?: readonly string[];
  readonly grant_types?: readonly string[];
  readonly response_types?: readonly string[];
  readonly redirect_uris?: readonly string[];
  readonly claims_redirect_uris?: readonly string[];
  readonly token_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'none';
  readonly scope?: string;
}

const uris = { type: 'array', maxItems: 16, items: { type: 'string', maxLength: 2048 } };

export const isMetadata = compileSchema<ClientMetadata>({
  type: 'object',
  maxProperties: 64,
  properties: {
    client_name: { type: 'string', minLength: 1, maxLength: 256 },
    client_uri: { type: 'string', maxLength: 2048, format: 'uri' },
    contacts: { type: 'array', maxItems: 16, items: { type: 'string', maxLength: 256 } },
    grant_types: {
      type: 'array',
      minItems: 1,
      maxItems: 8,
      items: { enum: [UMA_GRANT_TYPE, 'client_credentials', 'refresh_token'] },
    },
    response_types: { type: 'array', maxItems: 0 },
    redirect_uris: uris,
    claims_redirect_uris: uris,
    token_endpoint_auth_method: { enum: ['client_secret_basic', 'client_secret_post', 'none'] },
    scope: {
      type: 'string',
      maxLength: 2048,
      pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]*( [\\x21\\x23-\\x5b\\x5d-\\x7e]+)*$',
    },
  },
});

export interface RegistrationParts {
  /** The provider's client storage. */
  readonly clients: { upsert(id: string, payload: AdapterPayload, expiresInSeconds: number): Promise<void> };
  /** Are there `MAX_CLIENTS` already? */
  full(): Promise<boolean>;
  readonly clock: Clock;
  readonly open: boolean;
  /** A client that has done nothing for so long after its registration is forgotten. */
  readonly forgetUnusedSeconds: number;
  readonly initialAccessToken?: string;
}

/** Open registration is a way to fill a disk. */
export const MAX_CLIENTS = 100_000;

/** Dynamic client registration (RFC 7591) with UMA's `claims_redirect_uris` (D9). A client is its own resource owner. */
export function registrationRoutes(parts: RegistrationParts): Router {
  const router = new Router();
  router.post('/register', async (ctx) => {
    requireAccess(parts, ctx);
    const metadata = validated(await readJson(ctx));
    if (await parts.full())
      throw new ProtocolError(503, 'temporarily_unavailable', `no more than ${MAX_CLIENTS} clients`);
    const id = randomUUID();
    const secret = metadata.token_endpoint_auth_method === 'none' ? undefined : randomSecret();
    await parts.clients.upsert(id, stored(id, metadata, secret), parts.forgetUnusedSeconds);
    ctx.status = 201;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = {
      client_id: id,
      client_id_issued_at: nowSeconds(parts.clock),
      ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
      ...metadata,
    };
  });
  return router;
}

/** @throws ProtocolError 401 unless registration is open or the initial access token (RFC 7591 3) is presented. */
function requireAccess(parts: RegistrationParts, ctx: Context): void {
  if (parts.open) return;
  const token = /^Bearer +(\S{1,512})$/i.exec(ctx.get('authorization'))?.[1];
  const expected = parts.initialAccessToken;
  if (token !== undefined && expected !== undefined && sameSecret(token, digestOf(expected))) return;
  const error = token === undefined ? '' : ', error="invalid_token"';
  throw new ProtocolError(401, 'invalid_token', 'registration needs an initial access token', {
    'WWW-Authenticate': `Bearer realm="ovsb"${error}`,
  });
}

type KnownMetadata = Required<Pick<ClientMetadata, 'grant_types' | 'response_types' | 'token_endpoint_auth_method'>> &
  ClientMetadata;

function validated(body: unknown): KnownMetadata {
  if (!isMetadata(body)) throw invalidMetadata(problems(isMetadata.errors).join('; '));
  for (const uri of [...(body.claims_redirect_uris ?? []), ...(body.redirect_uris ?? [])]) requireRedirectUri(uri);
  const method = body.token_endpoint_auth_method ?? 'client_secret_basic';
  const grantTypes = body.grant_types ?? [UMA_GRANT_TYPE];
  if (method === 'none' && grantTypes.includes('client_credentials')) {
    throw invalidMetadata('client_credentials needs a client that can authenticate');
  }
  const known = Object.entries(body).filter(([name]) => KNOWN.has(name));
  return {
    ...(Object.fromEntries(known) as ClientMetadata),
    grant_types: grantTypes,
    response_types: [],
    token_endpoint_auth_method: method,
  };
}

const KNOWN = new Set(['client_name', 'client_uri', 'contacts', 'redirect_uris', 'claims_redirect_uris', 'scope']);

/** RFC 3986 2: it goes into a header as it is. */
const URI_CHARACTERS = /^[\x21-\x7e]+$/;

/** An absolute URI without fragment; https, http or a private-use scheme; nothing a browser would run. */
function requireRedirectUri(uri: string): void {
  const bad =
    !URI_CHARACTERS.test(uri) ||
    !URL.canParse(uri) ||
    uri.includes('#') ||
    FORBIDDEN_SCHEMES.has(new URL(uri).protocol);
  if (bad)
    throw new ProtocolError(
      400,
      'invalid_redirect_uri',
      'a redirect URI must be absolute, without fragment, and safe to open',
    );
}

const FORBIDDEN_SCHEMES = new Set(['javascript:', 'data:', 'vbscript:', 'blob:', 'file:', 'about:']);

function invalidMetadata(description: string): ProtocolError {
  return new ProtocolError(400, 'invalid_client_metadata', description);
}

/** The provider checks `scope` against its own; the scopes pre-registered for UMA (K4) stand apart. */
function stored(id: string, metadata: KnownMetadata, secret: string | undefined): AdapterPayload {
  const scopes = metadata.scope?.split(' ') ?? [];
  return {
    client_id: id,
    ...(metadata.client_name !== undefined && { client_name: metadata.client_name }),
    ...(secret !== undefined && { client_secret: storedSecret(secret) }),
    grant_types: metadata.grant_types,
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: metadata.token_endpoint_auth_method,
    claims_redirect_uris: metadata.claims_redirect_uris ?? [],
    registered_scopes: scopes.filter((scope) => scope !== PAT_SCOPE).join(' '),
    ...(scopes.includes(PAT_SCOPE) && { scope: PAT_SCOPE }),
  };
}
