/** The authorization server's wiring. */
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import mount from 'koa-mount';
import type Provider from 'oidc-provider';
import { Assessor } from './assessor.js';
import type { AuthorizationServer, Guard } from './contract.js';
import { type AuthorizationDeps, DEFAULT_LIFETIMES, type Lifetimes } from './deps.js';
import { DpopProofs } from './dpop.js';
import { notFound, ProtocolError } from './errors.js';
import { expiryJob } from './expiry.js';
import { Grants } from './grants.js';
import { createGuard } from './guard.js';
import { renderErrors } from './http.js';
import { claimsRoutes } from './interaction/claims-routes.js';
import { SignIn } from './interaction/sign-in.js';
import { keyRotationJob } from './key-rotation.js';
import { keyRoutes } from './key-routes.js';
import { openIdMetadata, uma2Metadata } from './metadata.js';
import { hasRecords, oauthAdapter } from './oauth-adapter.js';
import { Pcts } from './pct.js';
import { Platforms } from './platform.js';
import { decisionRoutes } from './policy/decision-routes.js';
import { forgetDecisionsJob } from './policy/forget-decisions.js';
import { policyRoutes } from './policy/owner/policy-routes.js';
import { introspectionRoutes } from './protection/introspection-routes.js';
import { patOwner, requirePat } from './protection/pat.js';
import { permissionRoutes } from './protection/permission-routes.js';
import { resourceRoutes } from './protection/resource-routes.js';
import { protectionApi, Resources } from './protection/resources.js';
import { Tickets } from './protection/tickets.js';
import { createProvider } from './provider.js';
import { AddressLimit, rateLimit } from './rate-limit.js';
import { Reassessment } from './reassessment.js';
import { refreshGrant } from './refresh.js';
import { MAX_CLIENTS, registrationRoutes } from './registration-routes.js';
import { ApprovalQueue } from './requests/approval-queue.js';
import { requestRoutes } from './requests/request-routes.js';
import { RevocationFeed } from './revocation.js';
import { revocationRoutes } from './revocation-routes.js';
import { Rpts } from './rpt.js';
import { SigningKeys } from './signing-key.js';
import { umaGrant } from './uma-grant.js';

const REQUESTS_PER_SECOND = 500;
const KEEP_DECISIONS_DAYS = 90;
const FORGET_UNUSED_CLIENTS_DAYS = 30;
const QUEUE_RESOURCE = {
  name: 'Requests that wait for the operator',
  type: 'requests',
  key: 'requests',
  scopes: ['read', 'approve'],
  attributes: {},
};

const POLICIES_RESOURCE = {
  name: 'Policies and their decisions',
  type: 'policies',
  key: 'policies',
  scopes: ['read', 'test'],
  attributes: {},
};

const SIGNING_KEYS_RESOURCE = {
  name: 'Keys that sign RPTs',
  type: 'signing-keys',
  key: 'signing-keys',
  scopes: ['rotate'],
  attributes: {},
};

/** Ids of what this server itself protects. */
interface OwnResources {
  readonly queue: string;
  readonly policies: string;
  readonly signingKeys: string;
}

/** Opens the authorization server: keys, revocation feed, routes. Needs a migrated database. */
export async function createAuthorizationServer(deps: AuthorizationDeps): Promise<AuthorizationServer> {
  const parts = createParts(deps);
  await parts.keys.open();
  await parts.feed.open();
  const own: OwnResources = {
    queue: await parts.resources.ensure(deps.operator.clientId, QUEUE_RESOURCE),
    policies: await parts.resources.ensure(deps.operator.clientId, POLICIES_RESOURCE),
    signingKeys: await parts.resources.ensure(deps.operator.clientId, SIGNING_KEYS_RESOURCE),
  };
  const provider = createProvider({
    deps,
    lifetimes: parts.lifetimes,
    signing: await parts.keys.signing(),
    umaGrant: umaGrant(parts),
    refresh: refreshGrant(parts),
  });
  const unsubscribe = deps.policy.onChange(() => parts.reassessment.start());
  parts.reassessment.start();
  return {
    middleware: routes(deps, parts, provider, own),
    issuer: deps.issuer,
    protection: protectionApi(parts.resources, deps.operator.clientId),
    guard: parts.guard,
    jobs: [
      expiryJob(deps.dataSource, deps.clock, parts.lifetimes),
      keyRotationJob(parts.keys),
      forgetDecisionsJob(deps.dataSource, deps.options.keepDecisionsDays ?? KEEP_DECISIONS_DAYS, deps.logger),
    ],
    rotateSigningKeys: async () => {
      await parts.keys.rotate();
    },
    revokeAll: () => parts.grants.revokeAll(),
    onRevocation: (listener) => parts.feed.listen(listener),
    notReady: () =>
      parts.standAside() ?? (parts.feed.confirmed ? undefined : 'revocations cannot be read from the database'),
    policyFault: () => deps.policy.fault(),
    ownerPolicyFaults: () => deps.policy.ownerFaults(),
    async close() {
      unsubscribe();
      await parts.reassessment.close();
      await parts.feed.close();
    },
  };
}

type Parts = ReturnType<typeof createParts>;

function createParts(deps: AuthorizationDeps) {
  const { dataSource, clock, issuer, options } = deps;
  const operatorId = deps.operator.clientId;
  const standAside = deps.standAside ?? (() => undefined);
  const factsReady = deps.factsReady ?? (() => true);
  const lifetimes: Lifetimes = { ...DEFAULT_LIFETIMES, ...options.lifetimes };
  const keys = new SigningKeys(dataSource, deps.sealingKey, clock);
  const rpts = new Rpts(dataSource, keys, clock, { issuer, operatorId, lifetimeSeconds: lifetimes.rpt });
  const assessor = new Assessor(deps.policy, deps.facts, deps.decisions, clock, operatorId);
  const resources = new Resources(dataSource, clock);
  const grants = new Grants(dataSource, clock, lifetimes);
  const shared = {
    dataSource,
    issuer,
    operatorId,
    lifetimes,
    keys,
    rpts,
    assessor,
    resources,
    grants,
    feed: new RevocationFeed(dataSource, deps.connection, clock, deps.logger),
    tickets: new Tickets(dataSource, clock, lifetimes.ticket),
    claims: deps.claims,
    pcts: new Pcts(dataSource, clock, lifetimes),
    queue: new ApprovalQueue(dataSource, clock, lifetimes.approval),
    proofs: new DpopProofs(dataSource, clock),
    platforms: new Platforms(deps.platforms),
    reassessment: new Reassessment(operatorId, assessor, grants, resources, standAside, factsReady, deps.logger),
    requestLimit: addressLimit(deps),
    ticketLimit: addressLimit(deps),
    ownerTicketLimit: addressLimit(deps),
    nowMs: () => clock.nowMs(),
    standAside,
    logger: deps.logger,
    signIn: new SignIn(issuer, deps.signIn ?? [], deps.sealingKey, () => clock.nowMs(), deps.logger),
    interactive: deps.chainId !== undefined,
    intervalSeconds: options.requestSubmittedIntervalSeconds,
    rptLifetimeSeconds: lifetimes.rpt,
  };
  const guard: Guard = createGuard(shared);
  return { ...shared, guard };
}

function addressLimit({ clock, clientAddress, options }: AuthorizationDeps): AddressLimit {
  const addressOf = clientAddress ?? ((request) => request.socket.remoteAddress ?? '');
  return new AddressLimit(clock, options.requestsPerSecond ?? REQUESTS_PER_SECOND, addressOf);
}

function routes(deps: AuthorizationDeps, parts: Parts, provider: Provider, own: OwnResources): Middleware {
  const pat = requirePat(() => provider, deps.issuer);
  const { options } = deps;
  const app = new Koa();
  app.use(renderErrors(deps.logger));
  app.use(rateLimit(parts.requestLimit));
  app.use(issueOnlyInForce(parts.standAside));
  // First: what is asked most need not pass by every other route.
  app.use(tokenEndpoint(provider));
  for (const router of [
    discoveryRoutes(deps, parts),
    resourceRoutes(parts.resources, pat, deps.issuer),
    permissionRoutes(parts.resources, parts.tickets, parts.ownerTicketLimit, pat),
    introspectionRoutes(parts.rpts, pat, deps.issuer),
    revocationRoutes({ ...parts, provider: () => provider }),
    registrationRoutes({
      clients: new (oauthAdapter(deps.dataSource, deps.clock))('Client'),
      full: () => hasRecords(deps.dataSource, 'Client', MAX_CLIENTS),
      clock: deps.clock,
      open: options.openRegistration,
      forgetUnusedSeconds: (options.forgetUnusedClientsDays ?? FORGET_UNUSED_CLIENTS_DAYS) * 86_400,
      ...(options.initialAccessToken !== undefined && { initialAccessToken: options.initialAccessToken }),
    }),
    keyRoutes({ ...parts, resourceId: () => own.signingKeys }),
    requestRoutes({ ...parts, resourceId: () => own.queue, patOwner: (ctx) => patOwner(() => provider, ctx) }),
    ...(deps.ownerPolicies === undefined
      ? []
      : [
          policyRoutes(
            {
              owners: deps.ownerPolicies,
              operatorId: deps.operator.clientId,
              policySet: (owner) => deps.policy.hash(owner),
            },
            pat,
          ),
        ]),
    ...('query' in deps.decisions
      ? [decisionRoutes({ decisions: deps.decisions, guard: parts.guard, resourceId: () => own.policies })]
      : []),
    ...(deps.chainId === undefined
      ? []
      : [claimsRoutes({ ...parts, chainId: deps.chainId, provider: () => provider })]),
  ]) {
    app.use(router.routes());
  }
  app.use(() => {
    throw notFound();
  });
  return mount(new URL(deps.issuer).pathname, app);
}

/** What may go on while another replica's documents are in force: nothing is decided here. */
const DECIDES_NOTHING = /^\/(\.well-known\/|jwks$|introspect|revoke)/;

function issueOnlyInForce(standAside: () => string | undefined): Middleware {
  return (ctx, next) => {
    const reason = DECIDES_NOTHING.test(ctx.path) ? undefined : standAside();
    if (reason !== undefined) throw new ProtocolError(503, 'temporarily_unavailable', reason, { 'Retry-After': '3' });
    return next();
  };
}

/** Public documents: the application's own `no-store` is not for them (T). */
const MAY_BE_KEPT = 'public, max-age=60';

/** Metadata and keys, for everybody. */
export function discoveryRoutes(
  deps: Pick<AuthorizationDeps, 'issuer' | 'claims'>,
  parts: Pick<Parts, 'keys'>,
): Router {
  const router = new Router();
  router.use((ctx, next) => {
    ctx.set('Cache-Control', MAY_BE_KEPT);
    return next();
  });
  router.get('/.well-known/uma2-configuration', (ctx) => {
    ctx.body = uma2Metadata(deps.issuer, deps.claims.formats);
  });
  router.get('/.well-known/openid-configuration', (ctx) => {
    ctx.body = openIdMetadata(deps.issuer, deps.claims.formats);
  });
  router.get('/jwks', async (ctx) => {
    ctx.body = await parts.keys.jwks();
    ctx.type = 'application/jwk-set+json';
  });
  return router;
}

/** The provider serves POST /token and nothing else of its own; its errors are JSON whatever `Accept` says (E). */
function tokenEndpoint(provider: Provider): Middleware {
  const serve = mount(provider as unknown as Koa);
  return (ctx, next) => {
    if (ctx.path !== '/token') return next();
    ctx.req.headers.accept = 'application/json';
    return serve(ctx, next);
  };
}
