/** The one door of the broker: the OSB 2.17 API, and the UMA resource server of its plans, instances and bindings. */
import type Router from '@koa/router';
import { reasonOf } from '../src/errors.js';
import type { Pair } from '../src/fleet/index.js';
import type { Job } from '../src/job.js';
import { openCatalog } from './catalog/catalog.js';
import type { BrokerDeps } from './deps.js';
import { expireJob } from './operations/expire.js';
import { createOperationWorker, type Worker } from './operations/worker.js';
import { createResources } from './resources.js';
import { brokerRoutes } from './routes.js';
import { createSerially } from './serially.js';

export type { Middleware, MiddlewareProgress, MiddlewareRequest } from './middleware-service.js';

export interface BrokerOptions extends Omit<BrokerDeps, 'catalog' | 'resources' | 'serially'> {
  readonly catalogPath: string;
  /** Pairs whose nodes the inventory really has, read anew each time. */
  readonly offeredPairs: () => readonly Pair[];
}

export interface Broker {
  /** `/v2/*` and `/console/instances/*`. */
  readonly routes: Router;
  /** Advances operations and watches the catalog document. */
  readonly worker: Worker;
  readonly jobs: readonly Job[];
  /** Of the broker itself at the authorization server: what a request that names nothing known asks for. */
  resourceId(): string;
  notReady(): string | undefined;
  /** The fault of the newest catalog document when it was refused and the last good one is in force. */
  catalogFault(): string | undefined;
  /** SHA-256 (hex) of the catalog document in force. */
  catalogHash(): string;
}

const RELOAD_MS = 2_000;

/**
 * Reads the catalog and registers its plans with the authorization server.
 * @throws DomainError `BadCatalog`, listing every fault as file:line:column.
 */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { catalogPath, offeredPairs, logger } = options;
  const middlewareOffered = options.middleware !== undefined;
  const catalog = openCatalog({ path: catalogPath, offeredPairs, middlewareOffered, logger });
  const resources = createResources(options.protection, catalog);
  await resources.refresh();
  const deps: BrokerDeps = { ...options, catalog, resources, serially: createSerially() };
  const operations = createOperationWorker(deps);

  /** A new document's plans are registered before the next look; until then the broker is not ready. */
  async function watchCatalog(): Promise<void> {
    if (!catalog.reload(deps.clock.nowMs()) && resources.complete()) return;
    try {
      await resources.refresh();
    } catch (error) {
      logger.error({ reason: reasonOf(error) }, 'plans of the new catalog are not registered yet');
    }
  }
  let timer: NodeJS.Timeout | undefined;
  let watching: Promise<void> = Promise.resolve();

  return {
    routes: brokerRoutes(deps),
    worker: {
      start() {
        operations.start();
        timer ??= setInterval(() => {
          watching = watching.then(watchCatalog);
        }, RELOAD_MS);
      },
      async stop() {
        clearInterval(timer);
        await Promise.all([operations.stop(), watching]);
      },
    },
    jobs: [expireJob(deps)],
    resourceId: () => resources.broker(),
    notReady: () => (resources.complete() ? undefined : 'plans of the catalog are not registered yet'),
    catalogFault: () => catalog.fault(),
    catalogHash: () => catalog.hash(),
  };
}
