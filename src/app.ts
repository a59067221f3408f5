import Koa from 'koa';
import { collectDefaultMetrics, register } from 'prom-client';
import { createBroker } from '../broker/index.js';
import { systemClock } from './clock.js';
import { type Closers, createClosers } from './closers.js';
import type { Config } from './config.js';
import { loadCredentials } from './credentials.js';
import type { DatabaseConnection } from './database/connection.js';
import { DocumentsInForce } from './database/documents-in-force.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { openDatabase } from './database/open-database.js';
import { watchIncarnation } from './database/watch-incarnation.js';
import { DomainError, reasonOf } from './errors.js';
import { createGateway } from './gateway/gateway.js';
import { clientAddress } from './http/client-address.js';
import { createHttpMetrics } from './http/http-metrics.js';
import { lastResort } from './http/last-resort.js';
import { probeRoutes, type ReadinessCheck, type ReadinessWarning } from './http/probe-routes.js';
import { securityHeaders } from './http/security-headers.js';
import { createHttpServer } from './http/server.js';
import { loadDataKey } from './keys/load-data-key.js';
import { liveFacts } from './live-facts.js';
import type { Logger } from './logger.js';
import { openAuthorization } from './open-authorization.js';
import { openFleet } from './open-fleet.js';
import { sandboxRoutes } from './sandbox/routes.js';
import { type Sandbox, startSandbox } from './sandbox/start.js';
import { startScheduler } from './scheduler/scheduler.js';

export interface App {
  /** Serves and starts the periodic work; resolves to the port. */
  listen(): Promise<number>;
  /** Stops all that was started, within 9 s. Also after a `listen` that failed. */
  close(): Promise<void>;
}

const DRAIN_MS = 2_000;
const FLEET_RESOURCE = {
  name: 'The fleet',
  type: 'fleet',
  key: 'fleet',
  scopes: ['read', 'plan', 'approve', 'pause'],
  attributes: {},
};

/**
 * The composition root: everything is made here and handed on. What fails half-way is closed again. The caller holds
 * the data directory's lock.
 */
export async function createApp(config: Config, logger: Logger): Promise<App> {
  const closers = createClosers(logger);
  try {
    return await compose(config, logger, closers);
  } catch (failure) {
    await closers.close();
    throw failure;
  }
}

async function compose(config: Config, logger: Logger, closers: Closers): Promise<App> {
  // prom-client's own register holds what features count for themselves.
  const registry = register;
  collectDefaultMetrics({ register: registry });

  // The database, and whether it is the one we know; the sandbox beside.
  const [sandbox, { connection, dataSource, seal }] = await both(
    openSandbox(config, logger, closers),
    openStorage(config, logger, closers),
  );
  const credentials = loadCredentials(config.dataDir, `${config.publicUrl}/authz`);
  const documents = new DocumentsInForce(dataSource, systemClock, logger);
  closers.add('documents', () => documents.close());
  const dataKey = loadDataKey(config.dataKeyFile, config.sandbox !== undefined);

  // Keys and fleet; then who may do what with them; then what is offered on them.
  const { fleet, mevBoost, jobs, firstLook, factsReady } = await openFleet({
    config,
    dataSource,
    dataKey,
    seal,
    documents,
    sandbox,
    logger,
    closers,
  });
  // Grants of older policies are asked about again at once, so the shares they hang on must be known.
  await firstLook();
  const authz = await openAuthorization({
    config,
    dataSource,
    connection,
    dataKey,
    credentials,
    facts: liveFacts(fleet.facts),
    factsReady,
    documents,
    executionNodeUris: () => fleet.provisioning.executionNodes().map(({ uri }) => uri),
    logger,
    closers,
  });
  const { guard, protection } = authz;
  let brokerResource = '';
  const gateway = createGateway({
    dataSource,
    guard,
    onRevocation: (listener) => authz.onRevocation(listener),
    upstreams: fleet.upstreams,
    chainId: config.chainId,
    clock: systemClock,
    log: logger,
    registry,
    unknownBinding: () => [{ resourceId: brokerResource, scopes: ['instance:create'] }],
    clientAddress: clientAddress(config.trustedProxies),
    // Nor is a remembered RPT believed while revocations cannot be read (security.md B5).
    sealed: () => seal.sealed() ?? authz.notReady(),
  });
  closers.add('gateway', () => gateway.close());
  const broker = await createBroker({
    dataSource,
    guard,
    protection,
    fleet: fleet.provisioning,
    rpc: gateway.endpoints,
    dataKey,
    catalogPath: config.catalogPath,
    offeredPairs: fleet.offeredPairs,
    publicUrl: config.publicUrl,
    issuer: credentials.issuer,
    chainId: config.chainId,
    clock: systemClock,
    logger,
    holdsKeys: ({ party }, publicKeys) => fleet.facts.holdsKeys(party, publicKeys),
    controlsKeys: (subject, publicKeys) => fleet.facts.controlsKeys(subject, publicKeys),
    ...(mevBoost ? { middleware: mevBoost } : {}),
  });
  documents.watch({ name: 'catalog', paths: [config.catalogPath], hash: () => broker.catalogHash() });
  await documents.open();
  brokerResource = broker.resourceId();
  const fleetResource = await protection.ensure(FLEET_RESOURCE);

  const checks: ReadinessCheck[] = [
    { name: 'database', check: () => dataSource.query('SELECT 1').then(() => undefined) },
    { name: 'incarnation', check: () => seal.sealed() },
    { name: 'authorization', check: () => authz.notReady() },
    { name: 'rpc', check: () => gateway.notReady() },
    { name: 'broker', check: () => broker.notReady() },
    { name: 'fleet', check: () => fleet.notReady() },
  ];
  const warnings: ReadinessWarning[] = [
    { name: 'policies', faults: () => [...asList(authz.policyFault()), ...authz.ownerPolicyFaults()] },
    { name: 'catalog', faults: () => asList(broker.catalogFault()) },
    { name: 'fleet documents', faults: () => fleet.documentFaults() },
    { name: 'stake', faults: () => fleet.stakeWarnings() },
  ];
  const koa = new Koa();
  koa.use(lastResort(logger));
  koa.use(securityHeaders(config.publicUrl.startsWith('https:')));
  koa.use(probeRoutes({ checks, warnings, registry, metrics: metricsAccess(config) }).routes());
  koa.use(authz.middleware);
  koa.use(broker.routes.routes());
  koa.use(fleet.routes(guard, fleetResource).routes());
  if (sandbox) koa.use(sandboxRoutes(sandbox, logger));

  const server = createHttpServer({
    config,
    handle: koa.callback(),
    rpc: gateway.handle,
    upgrade: gateway.upgrade,
    metrics: createHttpMetrics(registry),
    logger,
  });
  return {
    async listen() {
      const port = await server.listen();
      closers.add('http', () => server.close(DRAIN_MS));
      broker.worker.start();
      closers.add('operations', () => broker.worker.stop());
      const all = [...authz.jobs, ...jobs, ...gateway.jobs, ...broker.jobs];
      const scheduler = await startScheduler({ connection, jobs: all, logger, registry });
      closers.add('scheduler', () => scheduler.close());
      return port;
    },
    close: () => closers.close(),
  };
}

/** Both at once; when one fails, the other is opened to its end first, so that it can be closed. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

async function openSandbox(config: Config, logger: Logger, closers: Closers): Promise<Sandbox | undefined> {
  if (!config.sandbox) return undefined;
  const { dataDir, chainId } = config;
  const sandbox = await startSandbox({ dataDir, slotMs: config.sandbox.slotMs, chainId, logger });
  closers.add('sandbox', () => sandbox.stop());
  return sandbox;
}

async function openStorage(config: Config, logger: Logger, closers: Closers) {
  const connection = await reachDatabase(config, logger, closers);
  const dataSource = await openDatabase(connection, logger).catch((cause: unknown) => {
    if (!config.databaseUrl) throw cause;
    throw new DomainError('DatabaseUnusable', `DATABASE_URL: ${reasonOf(cause)}`, { cause });
  });
  closers.add('database', () => dataSource.destroy());
  const seal = await watchIncarnation(dataSource, config.dataDir, logger);
  closers.add('incarnation', () => seal.close());
  return { connection, dataSource, seal };
}

async function reachDatabase(config: Config, logger: Logger, closers: Closers): Promise<DatabaseConnection> {
  if (config.databaseUrl) return { url: config.databaseUrl };
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger });
  closers.add('embedded PostgreSQL', () => server.stop());
  return server.connection;
}

function asList(fault: string | undefined): readonly string[] {
  return fault === undefined ? [] : [fault];
}

function metricsAccess(config: Config): 'open' | 'absent' | { token: string } {
  if (config.metricsToken) return { token: config.metricsToken };
  return config.sandbox ? 'open' : 'absent';
}
