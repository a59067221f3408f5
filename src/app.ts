import Koa from 'koa';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { DatabaseConnection } from '../ormconfig.js';
import { createClosers } from './closers.js';
import type { Config } from './config.js';
import { loadCredentials } from './credentials.js';
import { lockDataDirectory } from './database/data-directory-lock.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { createNotifier } from './database/notifier.js';
import { openDatabase } from './database/open-database.js';
import { watchIncarnation } from './database/watch-incarnation.js';
import { createHttpMetrics } from './http/http-metrics.js';
import { lastResort } from './http/last-resort.js';
import { probeRoutes, type ReadinessCheck } from './http/probe-routes.js';
import { securityHeaders } from './http/security-headers.js';
import { createHttpServer } from './http/server.js';
import type { Job } from './job.js';
import type { Logger } from './logger.js';
import { startScheduler } from './scheduler/scheduler.js';

export interface App {
  /** Serves and starts the periodic work; resolves to the port. */
  listen(): Promise<number>;
  /** Stops all that was started, within 9 s. Also after a `listen` that failed. */
  close(): Promise<void>;
}

const DRAIN_MS = 2_000;

/** The composition root: everything is made here and handed on. What fails half-way is closed again. */
export async function createApp(config: Config, logger: Logger): Promise<App> {
  const closers = createClosers(logger);
  try {
    return await compose(config, logger, closers);
  } catch (failure) {
    await closers.close();
    throw failure;
  }
}

async function compose(config: Config, logger: Logger, closers: ReturnType<typeof createClosers>): Promise<App> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  // One broker per data directory; then the database, and whether it is the one we know.
  const lock = await lockDataDirectory(config.dataDir, (reason) => {
    logger.fatal({ reason }, 'the lock on the data directory was taken away, stopping');
    process.kill(process.pid, 'SIGTERM');
  });
  closers.add('data directory lock', () => lock.release());
  const connection = await reachDatabase(config, logger, closers);
  const dataSource = await openDatabase(connection, logger);
  closers.add('database', () => dataSource.destroy());
  const seal = await watchIncarnation(dataSource, config.dataDir, logger);
  closers.add('incarnation', () => seal.close());
  const notifier = await createNotifier(connection, logger);
  closers.add('notifier', () => notifier.close());
  loadCredentials(config.dataDir, `${config.publicUrl}/authz`);

  // Features bring routes, jobs and readiness checks.
  const jobs: Job[] = [];
  const checks: ReadinessCheck[] = [
    { name: 'database', check: () => dataSource.query('SELECT 1').then(() => undefined) },
    { name: 'incarnation', check: () => seal.sealed() },
  ];

  const koa = new Koa();
  koa.use(lastResort(logger));
  koa.use(securityHeaders(config.publicUrl.startsWith('https:')));
  koa.use(probeRoutes({ checks, registry, metrics: metricsAccess(config) }).routes());

  const server = createHttpServer({ config, handle: koa.callback(), metrics: createHttpMetrics(registry), logger });
  return {
    async listen() {
      const port = await server.listen();
      closers.add('http', () => server.close(DRAIN_MS));
      const scheduler = await startScheduler({ connection, jobs, logger, registry });
      closers.add('scheduler', () => scheduler.close());
      return port;
    },
    close: () => closers.close(),
  };
}

async function reachDatabase(
  config: Config,
  logger: Logger,
  closers: ReturnType<typeof createClosers>,
): Promise<DatabaseConnection> {
  if (config.databaseUrl) return { url: config.databaseUrl };
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger });
  closers.add('embedded PostgreSQL', () => server.stop());
  return server.connection;
}

function metricsAccess(config: Config): 'open' | 'absent' | { token: string } {
  if (config.metricsToken) return { token: config.metricsToken };
  return config.sandbox ? 'open' : 'absent';
}
