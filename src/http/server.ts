import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.js';
import type { Logger } from '../logger.js';
import { hostCheck } from './host-check.js';
import type { HttpMetrics } from './http-metrics.js';
import { requestId } from './request-id.js';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface HttpServerOptions {
  readonly config: Pick<Config, 'host' | 'port' | 'publicUrl' | 'hostNames' | 'tls'>;
  /** Everything but `/rpc/`: koa's callback. */
  readonly handle: RequestHandler;
  /** `/rpc/…` goes here directly: it must be fast, answer always and never throw. */
  readonly rpc?: RequestHandler;
  /** WebSocket on `/rpc/…`. */
  readonly upgrade?: UpgradeHandler;
  readonly metrics: HttpMetrics;
  readonly logger: Logger;
}

export interface HttpServer {
  /** Resolves to the port once listening. @throws Error when the address is taken. */
  listen(): Promise<number>;
  /** No new connections; requests in flight get `drainMs`; then every socket is destroyed. */
  close(drainMs: number): Promise<void>;
}

/** The one listener: host check, request id, time-outs, and the fork between the hot path and everything else. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { config, handle, rpc, upgrade, metrics, logger } = options;
  const isOurs = hostCheck(config.publicUrl, config.hostNames);
  let closing = false;

  const server = tlsOrPlain(config.tls, (request, response) => {
    const id = requestId(request);
    response.setHeader('X-Request-Id', id);
    if (closing) response.setHeader('Connection', 'close');
    const path = request.url ?? '/';
    if (!isOurs(request.headers.host) && !isProbe(path)) return misdirected(request, response);
    if (rpc && path.startsWith('/rpc/')) return rpc(request, response);
    const startedMs = performance.now();
    response.once('close', () => {
      const seconds = (performance.now() - startedMs) / 1_000;
      const [bare = '/'] = path.split('?');
      metrics.observe(request.method ?? '', bare, response.statusCode, seconds);
      logger.debug(
        { request_id: id, method: request.method, path: bare, status: response.statusCode, seconds },
        'answered',
      );
    });
    return handle(request, response);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.keepAliveTimeout = 65_000;

  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', (failure) => logger.debug({ reason: failure.message }, 'upgraded connection failed'));
    const misled = !isOurs(request.headers.host);
    if (!upgrade || closing || misled || !request.url?.startsWith('/rpc/')) {
      const status = misled ? '421 Misdirected Request' : '404 Not Found';
      const answer = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
      // No time limit of the server's holds for an upgraded connection: one that its caller keeps open would stay for ever.
      socket.end(answer, () => socket.destroy());
      return;
    }
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    upgrade(request, socket, head);
  });

  return {
    async listen() {
      server.listen(config.port, config.host);
      await once(server, 'listening');
      const address = server.address();
      return typeof address === 'object' && address ? address.port : config.port;
    },
    async close(drainMs) {
      if (!server.listening) return;
      closing = true;
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const timer = new AbortController();
      await Promise.race([closed, sleep(drainMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}

function tlsOrPlain(tls: Config['tls'], listener: RequestHandler): Server {
  const limits = { maxHeaderSize: 16_384 };
  if (!tls) return createServer(limits, listener);
  const ca = tls.clientCa ? { ca: readFileSync(tls.clientCa), requestCert: true, rejectUnauthorized: false } : {};
  return createTlsServer({ ...limits, cert: readFileSync(tls.cert), key: readFileSync(tls.key), ...ca }, listener);
}

function isProbe(path: string): boolean {
  return path === '/livez' || path === '/readyz';
}

/** RFC 9110 15.5.20. */
function misdirected(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(421, { 'Content-Type': 'application/json', Connection: 'close' });
  response.end(JSON.stringify({ error: 'misdirected_request', request_id: requestId(request) }));
}
