/** oidc-provider's set-up, and the one file that touches its particulars. It serves the token endpoint alone. */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import Provider, { type ClientMetadata, type Configuration, type TokenEndpointGrantContext } from 'oidc-provider';
import type { AuthorizationDeps, Lifetimes } from './deps.js';
import { UmaGrantError } from './errors.js';
import { keepClient, oauthAdapter } from './oauth-adapter.js';
import { digestOf } from './secrets.js';
import type { SigningKeys } from './signing-key.js';

export const UMA_GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:uma-ticket';
export const PAT_SCOPE = 'uma_protection';

export type GrantContext = TokenEndpointGrantContext<Record<string, string | undefined>>;
export type GrantHandler = (ctx: GrantContext) => Promise<void>;

/** Client metadata of ours beyond OAuth's. */
const OWN_METADATA = ['claims_redirect_uris', 'registered_scopes'] as const;

/** A client secret as stored: the provider compares digests, so none is kept in the clear. */
export function storedSecret(secret: string): string {
  return digestOf(secret).toString('hex');
}

export interface ProviderSetUp {
  readonly deps: AuthorizationDeps;
  readonly lifetimes: Lifetimes;
  readonly signing: Awaited<ReturnType<SigningKeys['signing']>>;
  readonly umaGrant: GrantHandler;
  readonly refresh: GrantHandler;
}

export function createProvider(setUp: ProviderSetUp): Provider {
  const { deps } = setUp;
  const provider = new Provider(deps.issuer, configuration(setUp));
  provider.Client.prototype.compareClientSecret = compareSecrets;
  provider.registerGrantType(UMA_GRANT_TYPE, setUp.umaGrant, [
    'ticket',
    'claim_token',
    'claim_token_format',
    'pct',
    'rpt',
    'scope',
  ]);
  provider.registerGrantType('refresh_token', setUp.refresh, ['refresh_token', 'scope']);
  provider.on('grant.error', completeError);
  const keep = keepUsed(deps);
  provider.on('grant.success', ({ oidc }) => keep(oidc.client?.clientId));
  // UMA's errors answer a client that has authenticated.
  provider.on('grant.error', ({ oidc }, error) => {
    if (error instanceof UmaGrantError) keep(oidc.client?.clientId);
  });
  provider.on('server_error', (ctx, fault) =>
    deps.logger.error({ err: fault, path: ctx.path }, 'token endpoint failed'),
  );
  return provider;
}

/** Marks clients as used, each once while it is remembered. */
function keepUsed({ dataSource, logger }: AuthorizationDeps): (clientId: string | undefined) => void {
  const kept = new LRUCache<string, true>({ max: 10_000 });
  return (clientId) => {
    if (clientId === undefined || kept.has(clientId)) return;
    kept.set(clientId, true);
    keepClient(dataSource, clientId).catch((fault: unknown) => {
      kept.delete(clientId);
      logger.warn({ err: fault, clientId }, 'a client could not be marked as used');
    });
  };
}

function compareSecrets(this: { clientSecret?: string | undefined }, actual: string): boolean {
  const expected = Buffer.from(this.clientSecret ?? '', 'hex');
  const given = digestOf(actual);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** The provider keeps error, description and scope of an error; UMA's other members are put back here. */
function completeError(ctx: Parameters<GrantHandler>[0] | { body?: unknown; status: number }, error: unknown): void {
  if (error instanceof UmaGrantError) {
    ctx.body = { error: error.error, error_description: error.error_description, ...error.members };
    return;
  }
  const described = error instanceof Error && 'error_description' in error ? error.error_description : undefined;
  const renamed = typeof described === 'string' ? RENAMED.get(described) : undefined;
  if (renamed === undefined) return;
  ctx.status = renamed.status;
  ctx.body = { error: renamed.error, error_description: described };
}

/** What the provider calls invalid_request has names of its own in RFC 6749 5.2. By the provider's descriptions: it has no codes. */
const RENAMED: ReadonlyMap<string, { readonly status: number; readonly error: string }> = new Map([
  ['no client authentication mechanism provided', { status: 401, error: 'invalid_client' }],
  ['requested grant type is not allowed for this client', { status: 400, error: 'unauthorized_client' }],
]);

function configuration({ deps, lifetimes, signing }: ProviderSetUp): Configuration {
  return {
    adapter: oauthAdapter(deps.dataSource, deps.clock),
    jwks: { keys: [signing.jwk] as NonNullable<Configuration['jwks']>['keys'] },
    clients: builtInClients(deps),
    scopes: [PAT_SCOPE],
    responseTypes: [],
    claims: {},
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    clientDefaults: { grant_types: [UMA_GRANT_TYPE], response_types: [], id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    extraClientMetadata: { properties: [...OWN_METADATA] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: { enabled: false },
    },
    cookies: { keys: [signing.kid] },
    ttl: { ClientCredentials: lifetimes.pat },
    findAccount: () => undefined,
  };
}

function builtInClients(deps: AuthorizationDeps): ClientMetadata[] {
  const common = { response_types: [], redirect_uris: [] };
  return [
    {
      ...common,
      client_id: deps.operator.clientId,
      client_secret: storedSecret(deps.operator.clientSecret),
      grant_types: [UMA_GRANT_TYPE, 'client_credentials', 'refresh_token'],
      scope: PAT_SCOPE,
    },
    {
      ...common,
      client_id: deps.client.clientId,
      client_secret: storedSecret(deps.client.clientSecret),
      grant_types: [UMA_GRANT_TYPE, 'refresh_token'],
    },
    {
      ...common,
      client_id: deps.publicClientId ?? 'ovsb-cli',
      client_name: 'ovsb command line',
      token_endpoint_auth_method: 'none',
      grant_types: [UMA_GRANT_TYPE, 'refresh_token'],
    },
  ];
}
