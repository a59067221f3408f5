import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { systemClock } from '../../../src/clock.js';
import type { NewRpcEndpoint, UpstreamSource } from '../../../src/gateway/endpoint.js';
import { createGateway, type Gateway, type GatewayDeps } from '../../../src/gateway/gateway.js';
import { createLogger } from '../../../src/logger.js';
import { type TestDatabase, testDatabase } from '../../support/database.js';
import { TestGuard } from './test-guard.js';

export interface Bound {
  readonly bindingId: string;
  readonly resourceId: string;
  readonly token: string;
  readonly url: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came back is looked into by the test
  readonly json: any;
}

export interface Harness {
  readonly gateway: Gateway;
  readonly guard: TestGuard;
  readonly database: TestDatabase;
  readonly registry: Registry;
  readonly origin: string;
  readonly logged: string[];
  bind(more?: Partial<NewRpcEndpoint>): Promise<Bound>;
  unbind(bindingId: string): Promise<void>;
  stop(): Promise<void>;
}

export const WIDE = { units_per_second: 100_000, burst: 100_000, batch: 100, body_bytes: 1_048_576, subscriptions: 10 };

/** A gateway on an HTTP server of its own, on a fresh database (or on another gateway's). */
export async function startHarness(
  upstreams: UpstreamSource,
  more: Partial<GatewayDeps> = {},
  shared?: TestDatabase,
): Promise<Harness> {
  const database = shared ?? (await testDatabase());
  const guard = new TestGuard();
  const registry = new Registry();
  const logged: string[] = [];
  const log = createLogger('debug');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level] = (...parts: unknown[]) => void logged.push(JSON.stringify(parts));
  }
  const gateway = createGateway({
    dataSource: database.dataSource,
    guard,
    onRevocation: guard.onRevocation,
    upstreams,
    chainId: 31337,
    clock: systemClock,
    log,
    registry,
    unknownBinding: () => [{ resourceId: 'broker', scopes: ['instance:create'] }],
    ...more,
  });
  const server = createServer((request, response) => gateway.handle(request, response));
  server.on('upgrade', (request, socket, head) => gateway.upgrade(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await until(() => gateway.notReady() === undefined);
  return {
    gateway,
    guard,
    database,
    registry,
    origin,
    logged,
    async bind(given = {}) {
      const bindingId = given.bindingId ?? randomUUID();
      const resourceId = given.resourceId ?? randomUUID();
      const token = randomBytes(32).toString('base64url');
      await database.dataSource.transaction((manager) =>
        gateway.endpoints.open(
          {
            groups: ['read', 'logs', 'send', 'trace'],
            limits: WIDE,
            expiresAt: new Date(Date.now() + 3_600_000),
            ...given,
            bindingId,
            resourceId,
            tokenHash: createHash('sha256').update(token).digest(),
          },
          manager,
        ),
      );
      return { bindingId, resourceId, token, url: `${origin}/rpc/${encodeURIComponent(bindingId)}` };
    },
    unbind: (bindingId) => database.dataSource.transaction((manager) => gateway.endpoints.close(bindingId, manager)),
    async stop() {
      server.closeAllConnections();
      server.close();
      await gateway.close();
      if (shared === undefined) await database.drop();
    },
  };
}

export async function until(holds: () => boolean | Promise<boolean>, withinMs = 5000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come to hold in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** POSTs a body: text as it is, anything else as JSON. */
export async function post(
  url: string,
  token: string | undefined,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) };
}

export const call = (method: string, params: unknown = [], id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params });
