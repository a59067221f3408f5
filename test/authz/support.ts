import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import type { Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { EIP4361_FORMAT } from '../../authz/claims/eip4361.js';
import type { TrustedIssuer } from '../../authz/claims/id-token.js';
import { ticketHash, ticketNonce } from '../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../authz/claims/verifier.js';
import {
  type AuthorizationDeps,
  type AuthorizationServer,
  createAuthorizationServer,
  createDecisionLog,
  createPolicyEngine,
  OwnerPolicies,
} from '../../authz/index.js';
import type { Assessment, AssessRequest, DecisionRecord, PolicyEngine } from '../../authz/policy/types.js';
import { guardAnswer } from '../../src/http/errors.js';
import { createDataKey } from '../../src/keys/data-key.js';
import { createLogger } from '../../src/logger.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

export const UMA = 'urn:ietf:params:oauth:grant-type:uma-ticket';
export const OPERATOR = { clientId: 'operator', clientSecret: 'operator-secret' };
export const CLIENT = { clientId: 'app', clientSecret: 'app-secret' };
export const PLATFORM = { username: 'platform', password: 'platform-password', bearerToken: 'platform-bearer' };
const CHAIN_ID = 31337;

/** A policy of these tests: what it answers, by resource type and key. */
export type Rule = (request: AssessRequest) => Assessment['outcome'];

/** Policies as a function: the operator everything, `open` resources anyone, others a wallet, and what a test adds. */
export class TestPolicies implements PolicyEngine {
  rule: Rule = standardRule;
  #version = 1;
  readonly #listeners = new Set<() => void>();

  hash(): string {
    return `policies-${this.#version}`;
  }

  ownHashes(): ReadonlyMap<string, string> {
    return new Map();
  }

  fault(): undefined {
    return undefined;
  }

  ownerFaults(): readonly string[] {
    return [];
  }

  assess(request: AssessRequest): Assessment {
    const outcome = this.rule(request);
    const policies = [`test.cedar:1 ${outcome}`];
    if (outcome !== 'need_info') return { outcome, reason: `the test says ${outcome}`, policies };
    const claim = { name: 'eth_address', friendly_name: 'Ethereum account', claim_token_format: [EIP4361_FORMAT] };
    const other = { name: 'email', friendly_name: 'E-mail', claim_token_format: ['urn:test'] };
    return {
      outcome,
      reason: 'claims are missing',
      policies,
      requiredClaims: [claim],
      alternatives: [[claim], [other]],
    };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  change(rule: Rule): void {
    this.rule = rule;
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  stop(): void {
    this.#listeners.clear();
  }
}

export function standardRule({ principal, resource, claims }: AssessRequest): Assessment['outcome'] {
  if (principal.kind === 'operator') return 'permit';
  if (resource.type === 'open') return 'permit';
  if (resource.type === 'closed' || resource.type === 'requests') return 'deny';
  if (principal.kind === 'platform') return resource.type === 'plan' ? 'permit' : 'deny';
  if (claims.eth_address === undefined) return 'need_info';
  return resource.type === 'waiting' ? 'owner_approval' : 'permit';
}

export interface TestAuthorization {
  readonly server: AuthorizationServer;
  readonly issuer: string;
  readonly policies: TestPolicies;
  readonly decisions: DecisionRecord[];
  readonly database: TestDatabase;
  /** Milliseconds added to the clock. */
  skewMs: number;
  readonly dataKey: ReturnType<typeof createDataKey>;
  close(): Promise<void>;
}

/** An authorization server on a fresh database behind HTTP, with a protected path `/guarded/<resource id>/<scope>`. */
export async function startAuthorization(
  options: Partial<AuthorizationDeps['options']> = {},
  /** Makes it another replica of this one. */
  shared?: Pick<TestAuthorization, 'database' | 'dataKey' | 'issuer'>,
  more: Partial<
    Pick<AuthorizationDeps, 'policy' | 'signIn' | 'clientAddress' | 'logger' | 'standAside' | 'facts' | 'factsReady'>
  > & {
    /** Decisions go into the database's own log, which is then served at /decisions. */
    readonly recorded?: true;
    /** The policies of this folder and those that owners write themselves. */
    readonly policyFolder?: string;
    readonly idTokenIssuers?: readonly TrustedIssuer[];
    readonly executionNodeUris?: () => readonly string[];
  } = {},
): Promise<TestAuthorization> {
  const database = shared?.database ?? (await testDatabase());
  const http: Server = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const issuer = shared?.issuer ?? `${origin}/authz`;
  const policies = new TestPolicies();
  const decisions: DecisionRecord[] = [];
  const dataKey = shared?.dataKey ?? createDataKey(randomBytes(32));
  const state = { skewMs: 0 };
  const owned = more.policyFolder === undefined ? undefined : await ownedPolicies(more.policyFolder, database);
  const server = await createAuthorizationServer({
    dataSource: database.dataSource,
    connection: database.connection,
    issuer,
    chainId: CHAIN_ID,
    operator: OPERATOR,
    client: CLIENT,
    platforms: [PLATFORM],
    policy: owned?.policy ?? more.policy ?? policies,
    ...(owned !== undefined && { ownerPolicies: owned.ownerPolicies }),
    ...(more.signIn !== undefined && { signIn: more.signIn }),
    ...(more.clientAddress !== undefined && { clientAddress: more.clientAddress }),
    ...(more.standAside !== undefined && { standAside: more.standAside }),
    claims: createClaimVerifier({
      issuer,
      chainId: CHAIN_ID,
      idTokenIssuers: more.idTokenIssuers ?? [],
      ...(more.executionNodeUris !== undefined && { executionNodeUris: more.executionNodeUris }),
    }),
    decisions: more.recorded
      ? createDecisionLog(database.dataSource)
      : { record: async (decision) => void decisions.push(decision) },
    facts: more.facts ?? (async () => ({ resource: {}, party: {} })),
    ...(more.factsReady !== undefined && { factsReady: more.factsReady }),
    sealingKey: dataKey,
    clock: { nowMs: () => Date.now() + state.skewMs },
    logger: more.logger ?? createLogger('silent'),
    options: { requestSubmittedIntervalSeconds: 2, openRegistration: true, ...options },
  });
  const app = new Koa();
  app.use(server.middleware);
  app.use(guarded(server));
  http.on('request', app.callback());
  return {
    server,
    issuer: `${origin}/authz`,
    policies,
    decisions,
    database,
    dataKey,
    get skewMs() {
      return state.skewMs;
    },
    set skewMs(value: number) {
      state.skewMs = value;
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await server.close();
      owned?.policy.stop();
      await owned?.ownerPolicies.close();
      if (shared === undefined) await database.drop();
    },
  };
}

async function ownedPolicies(folder: string, { dataSource, connection }: TestDatabase) {
  const logger = createLogger('silent');
  const clock = { nowMs: () => Date.now() };
  const ownerPolicies = await OwnerPolicies.open({ dataSource, connection, clock, logger });
  const policy = await createPolicyEngine({ folder, writableFiles: 'refuse', logger, owners: ownerPolicies });
  return { ownerPolicies, policy };
}

function guarded(server: AuthorizationServer): Koa.Middleware {
  return async (ctx) => {
    const [, , resourceId = '', scope = ''] = ctx.path.split('/');
    try {
      const outcome = await server.guard.check(ctx.req, [{ resourceId, scopes: [decodeURIComponent(scope)] }]);
      if (outcome.kind === 'granted') ctx.body = outcome.subject;
      else if (outcome.kind === 'denied') {
        ctx.status = 403;
        ctx.body = outcome.decision;
      } else {
        ctx.status = 401;
        ctx.set(outcome.challenge.headers);
      }
    } catch (fault) {
      const answer = guardAnswer(fault);
      if (answer === undefined) throw fault;
      ctx.status = answer.status;
      ctx.set(answer.headers);
    }
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON body; undefined when there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged member by member
  readonly body: any;
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
}

export interface Credentials {
  readonly clientId: string;
  readonly clientSecret?: string;
}

export const CLI: Credentials = { clientId: 'ovsb-cli' };

export function basic({ clientId, clientSecret }: Credentials): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret ?? ''}`).toString('base64')}`;
}

export function token(
  issuer: string,
  client: Credentials,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const authentication = client.clientSecret === undefined ? {} : { authorization: basic(client) };
  const body = new URLSearchParams({
    ...(client.clientSecret === undefined && { client_id: client.clientId }),
    ...form,
  });
  return call(`${issuer}/token`, { method: 'POST', body, headers: { ...authentication, ...headers } });
}

export function present(
  issuer: string,
  client: Credentials,
  ticket: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return token(issuer, client, { grant_type: UMA, ticket, ...more }, headers);
}

export async function patOf(issuer: string, client: Credentials): Promise<string> {
  const answer = await token(issuer, client, { grant_type: 'client_credentials', scope: 'uma_protection' });
  if (answer.status !== 200) throw new Error(`no PAT: ${answer.text}`);
  return answer.body.access_token as string;
}

export function jsonCall(
  url: string,
  method: string,
  bearer: string | undefined,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return call(url, {
    method,
    headers: {
      ...headers,
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

export async function register(issuer: string, metadata: Record<string, unknown> = {}): Promise<Required<Credentials>> {
  const answer = await jsonCall(`${issuer}/register`, 'POST', undefined, {
    grant_types: [UMA, 'client_credentials', 'refresh_token'],
    scope: 'uma_protection',
    ...metadata,
  });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.text}`);
  return { clientId: answer.body.client_id as string, clientSecret: answer.body.client_secret as string };
}

/** The ticket in a UMA challenge. */
export function ticketIn(answer: Answer): string {
  const ticket = /ticket="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1];
  if (ticket === undefined) throw new Error(`no ticket in ${answer.headers.get('www-authenticate')}`);
  return ticket;
}

export const WALLET = privateKeyToAccount(`0x${'11'.repeat(32)}`);
export const OTHER_WALLET = privateKeyToAccount(`0x${'22'.repeat(32)}`);

export interface MessageChanges {
  readonly domain?: string;
  readonly uri?: string;
  readonly chainId?: number;
  readonly nonce?: string;
  readonly expirationMs?: number | 'none';
  readonly notBeforeMs?: number;
  readonly resources?: readonly string[];
}

/** Who signs, and the account the message names. */
export interface Signer {
  readonly address: string;
  signMessage(text: { message: string }): Promise<Hex>;
}

/** `claim_token` and its format for this ticket, signed by the wallet. */
export async function walletClaim(
  issuer: string,
  ticket: string,
  changes: MessageChanges = {},
  wallet: Signer = WALLET,
): Promise<{ claim_token: string; claim_token_format: string }> {
  const { expirationMs = Date.now() + 240_000, notBeforeMs } = changes;
  const lines = [
    `${changes.domain ?? new URL(issuer).host} wants you to sign in with your Ethereum account:`,
    wallet.address,
    '',
    'Permit this.',
    '',
    `URI: ${changes.uri ?? issuer}`,
    'Version: 1',
    `Chain ID: ${changes.chainId ?? CHAIN_ID}`,
    `Nonce: ${changes.nonce ?? ticketNonce(ticket)}`,
    `Issued At: ${new Date().toISOString()}`,
    ...(expirationMs === 'none' ? [] : [`Expiration Time: ${new Date(expirationMs).toISOString()}`]),
    ...(notBeforeMs === undefined ? [] : [`Not Before: ${new Date(notBeforeMs).toISOString()}`]),
    'Resources:',
    ...[`urn:ovsb:ticket:${ticketHash(ticket)}`, ...(changes.resources ?? [])].map((resource) => `- ${resource}`),
  ];
  const message = lines.join('\n');
  const signature = await wallet.signMessage({ message });
  return claimToken(message, signature);
}

function claimToken(message: string, signature: Hex): { claim_token: string; claim_token_format: string } {
  return {
    claim_token: Buffer.from(JSON.stringify({ message, signature })).toString('base64url'),
    claim_token_format: EIP4361_FORMAT,
  };
}

/** A resource of the operator's, registered in process. */
export function ensure(
  server: AuthorizationServer,
  type: string,
  key: string,
  scopes: readonly string[],
): Promise<string> {
  return server.protection.ensure({ name: `${type} ${key}`, type, key, scopes, attributes: {} });
}

export function guardedUrl(issuer: string, resourceId: string, scope: string): string {
  return `${new URL(issuer).origin}/guarded/${resourceId}/${encodeURIComponent(scope)}`;
}

/** From the 401 to the RPT, with a wallet. */
export async function walletRpt(
  issuer: string,
  resourceId: string,
  scope: string,
  client: Credentials = CLI,
  wallet: typeof WALLET = WALLET,
): Promise<Answer> {
  const ticket = ticketIn(await call(guardedUrl(issuer, resourceId, scope)));
  return present(issuer, client, ticket, await walletClaim(issuer, ticket, {}, wallet));
}

/** The RPT of a token answer as the credential of a call. */
export function bearerOf(answer: Answer): RequestInit {
  return { headers: { authorization: `Bearer ${answer.body.access_token as string}` } };
}
