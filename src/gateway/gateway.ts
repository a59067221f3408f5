import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Registry } from 'prom-client';
import type { DataSource, EntityManager } from 'typeorm';
import type { Guard, Permission, Revocation } from '../../authz/index.js';
import type { Clock } from '../clock.js';
import { reasonOf } from '../errors.js';
import type { Job } from '../job.js';
import type { Logger } from '../logger.js';
import { Admissions } from './admissions.js';
import { ClosedEndpoints } from './closed-endpoints.js';
import type { RpcEndpoints, UpstreamSource } from './endpoint.js';
import { EndpointStore } from './endpoint-store.js';
import { Filters } from './filters.js';
import { createHttpHandler, type HttpParts } from './http-handler.js';
import { Metrics } from './metrics.js';
import { createPerform } from './perform.js';
import { SocketServer } from './socket-server.js';
import { Upstreams } from './upstreams.js';
import { UsageLedger } from './usage-ledger.js';

export interface GatewayDeps {
  readonly dataSource: DataSource;
  readonly guard: Pick<Guard, 'identify' | 'challenge' | 'confirm'>;
  /** AuthorizationServer.onRevocation. */
  readonly onRevocation: (listener: (revocation: Revocation) => void) => () => void;
  readonly upstreams: UpstreamSource;
  readonly chainId: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** What the ticket of a 401 for an unknown or ended binding asks for; such a request must get one too. */
  readonly unknownBinding: () => readonly Permission[];
  /** Why no credential may be believed now (503): the database may be older than what was done, or revocations unread. */
  readonly sealed?: () => string | undefined;
  /** Whether a Host header names this broker (421 otherwise); by default the caller has checked. */
  readonly hostAllowed?: (host: string | undefined) => boolean;
  /** Behind trusted proxies the real caller's; by default the connection's. */
  readonly clientAddress?: (request: IncomingMessage) => string;
  /** An upstream's time for an answer; 30,000 ms by default. */
  readonly upstreamTimeoutMs?: number;
}

export interface Gateway {
  /** For paths below `/rpc/`; answers by itself. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** For upgrades below `/rpc/`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  readonly endpoints: RpcEndpoints;
  /** Ends every endpoint, as `endpoints.close` does: what a restored database brought back may have been ended since. */
  closeAllEndpoints(manager: EntityManager): Promise<void>;
  readonly jobs: readonly Job[];
  notReady(): string | undefined;
  /** Cuts sockets, writes the usage, closes connections. The data source must still be open. */
  close(): Promise<void>;
}

const FLUSH_MS = 5000;

/** Starts at once; `notReady` clears when the first word of the database has come. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { dataSource, guard, clock, log } = deps;
  const ledger = new UsageLedger(dataSource);
  const metrics = new Metrics(deps.registry);
  const upstreams = new Upstreams(deps.upstreams, deps.chainId, log);
  const store = new EndpointStore(dataSource, ledger, (bindingId) => admissions.bindingClosing(bindingId));
  const find = (bindingId: string) => store.find(bindingId);
  const clientAddress = deps.clientAddress ?? ((request) => request.socket.remoteAddress ?? '');
  const admissions = new Admissions({ guard, find, clientAddress, clock });
  const closed = new ClosedEndpoints(dataSource, log, (endpoint) => {
    if (endpoint === 'all') admissions.dropAll();
    else admissions.endpointClosed(endpoint);
    sockets.endpointClosed(endpoint);
  });
  const perform = createPerform({
    upstreams,
    filters: new Filters(),
    usage: (resourceId) => ledger.total(resourceId),
    chainId: deps.chainId,
    log,
  });
  const parts: HttpParts = {
    guard,
    perform,
    challenge: (wanted) => guard.challenge(wanted),
    admissions,
    find,
    confirmed: () => closed.confirmed() && deps.sealed?.() === undefined,
    unknownBinding: deps.unknownBinding,
    hostAllowed: deps.hostAllowed ?? (() => true),
    metrics,
    clock,
    timeoutMs: deps.upstreamTimeoutMs ?? 30_000,
    log,
  };
  const sockets = new SocketServer(parts, upstreams);
  const unsubscribe = deps.onRevocation((revocation) => {
    admissions.revoked(revocation);
    sockets.revoked(revocation);
  });

  const flush = () =>
    ledger.flush().catch((thrown) => log.warn({ reason: reasonOf(thrown) }, 'RPC usage is not yet written'));
  const flushing = setInterval(() => void flush(), FLUSH_MS);
  upstreams.start();
  closed.start();

  return {
    handle: createHttpHandler(parts),
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
    endpoints: store,
    closeAllEndpoints: (manager) => store.closeAll(manager),
    jobs: [],
    notReady: () => (closed.confirmed() ? undefined : 'gateway: no word of closed endpoints from the database'),
    async close() {
      clearInterval(flushing);
      unsubscribe();
      await sockets.close();
      await flush();
      await upstreams.close();
      await closed.close();
    },
  };
}
