/** A whole broker over a real database and real HTTP; the fleet and the gateway are told what to say. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import Koa from 'koa';
import type { DataSource } from 'typeorm';
import { type Broker, type BrokerOptions, createBroker } from '../../broker/index.js';
import { DomainError } from '../../src/errors.js';
import type { FleetProvisioning, Pair, Wish, WishProgress } from '../../src/fleet/index.js';
import type { NewRpcEndpoint, RpcEndpoints } from '../../src/gateway/endpoint.js';
import { createDataKey } from '../../src/keys/data-key.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { testDatabase } from './database.js';
import { type MemoryGuard, memoryGuard, PLATFORM } from './memory-guard.js';

export class ScriptedFleet implements FleetProvisioning {
  readonly wishes = new Map<string, Wish>();
  readonly calls: string[] = [];
  /** What progress says; by default a wish is honoured at once. */
  progressOf: (wish: Wish) => WishProgress = (wish) => ({
    state: 'succeeded',
    status: 'honoured',
    description: `${wish.keys} of ${wish.keys} keys live`,
    publicKeys: [`0x${'ab'.repeat(48)}`],
  });

  async request(wish: Wish): Promise<void> {
    this.calls.push(`request ${wish.instanceId}`);
    if (wish.keys > 100) throw new DomainError('StakeExceeded', 'your stake stands for 1 key');
    this.wishes.set(wish.instanceId, wish);
  }
  async change(wish: Wish): Promise<void> {
    this.calls.push(`change ${wish.instanceId}`);
    this.wishes.set(wish.instanceId, wish);
  }
  async progress(instanceId: string): Promise<WishProgress> {
    const wish = this.wishes.get(instanceId);
    if (!wish) return { state: 'failed', status: 'refused', description: 'refused: no wish', publicKeys: [] };
    return this.progressOf(wish);
  }
  async end(instanceId: string): Promise<void> {
    this.calls.push(`end ${instanceId}`);
    this.wishes.delete(instanceId);
  }
  async endpoint(instanceId: string) {
    const wish = this.wishes.get(instanceId);
    if (!wish) return undefined;
    return {
      publicKeys: [`0x${'ab'.repeat(48)}`],
      implementation: wish.members[0]?.consensus ?? '',
      beaconApiUri: 'http://127.0.0.1:5052',
      executionNode: { name: 'geth-1', uri: 'http://127.0.0.1:8545' },
    };
  }
  async consensusShare() {
    return 0.1;
  }
  executionNodes() {
    return [];
  }
}

export class RecordedEndpoints implements RpcEndpoints {
  readonly open_ = new Map<string, NewRpcEndpoint>();
  async open(endpoint: NewRpcEndpoint): Promise<void> {
    if (this.open_.has(endpoint.bindingId)) throw new Error(`endpoint ${endpoint.bindingId} is open already`);
    this.open_.set(endpoint.bindingId, endpoint);
  }
  async close(bindingId: string): Promise<void> {
    this.open_.delete(bindingId);
  }
  async usage() {
    return { requests: 0n, units: 0n };
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers freely
  readonly body: any;
}

export interface TestBroker {
  readonly broker: Broker;
  readonly guard: MemoryGuard;
  readonly fleet: ScriptedFleet;
  readonly endpoints: RecordedEndpoints;
  readonly dataSource: DataSource;
  readonly options: BrokerOptions;
  readonly origin: string;
  /** Milliseconds added to the wall clock. */
  advance(ms: number): void;
  /** As the platform unless `authorization` says otherwise; '' for nobody. Objects are sent as JSON. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  ids(key: string): { service_id: string; plan_id: string };
  close(): Promise<void>;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const PAIRS: readonly Pair[] = [
  { consensus: 'nimbus', execution: 'geth' },
  { consensus: 'nimbus', execution: 'nethermind' },
  { consensus: 'teku', execution: 'nethermind' },
];

export async function testBroker(overrides: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const database = await testDatabase();
  const guard = memoryGuard();
  const fleet = new ScriptedFleet();
  const endpoints = new RecordedEndpoints();
  let offset = 0;
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const options: BrokerOptions = {
    dataSource: database.dataSource,
    guard: guard.guard,
    protection: guard.protection,
    fleet,
    rpc: endpoints,
    dataKey: createDataKey(randomBytes(32)),
    catalogPath: join(ROOT, 'config/catalog.yaml'),
    offeredPairs: () => PAIRS,
    publicUrl: origin,
    issuer: `${origin}/authz`,
    chainId: 31337,
    clock: { nowMs: () => Date.now() + offset },
    logger: createLogger(process.env.LOG_LEVEL ?? 'silent'),
    ...overrides,
  };
  const broker = await createBroker(options);
  const koa = new Koa();
  koa.use(broker.routes.routes());
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = koa.listen(port, '127.0.0.1', () => resolve(listening));
  });
  const plans = new Map<string, { service_id: string; plan_id: string }>();

  const send = async (method: string, path: string, sent: SendOptions = {}): Promise<Answer> => {
    const authorization = sent.authorization ?? PLATFORM;
    const isText = typeof sent.body === 'string' || sent.body instanceof Uint8Array;
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: {
        'X-Broker-API-Version': '2.17',
        ...(authorization === '' ? {} : { Authorization: authorization }),
        ...(sent.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...sent.headers,
      },
      redirect: 'manual',
      ...(sent.body === undefined ? {} : { body: isText ? (sent.body as string) : JSON.stringify(sent.body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  const { body: catalog } = await send('GET', '/v2/catalog');
  for (const service of catalog.services)
    for (const plan of service.plans)
      plans.set(`${service.name}/${plan.name}`, { service_id: service.id, plan_id: plan.id });

  return {
    broker,
    guard,
    fleet,
    endpoints,
    dataSource: database.dataSource,
    options,
    origin,
    advance(ms) {
      offset += ms;
    },
    send,
    ids(key) {
      const ids = plans.get(key);
      if (!ids) throw new Error(`no plan ${key}`);
      return ids;
    },
    async close() {
      await broker.worker.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await database.drop();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Ids and text a provision needs. */
export const ORGANIZATION = { organization_guid: randomUUID(), space_guid: randomUUID() };

/** Polls until the operation is over. */
export async function settled(broker: TestBroker, path: string, authorization = PLATFORM): Promise<Answer> {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await broker.send('GET', `${path}/last_operation`, { authorization });
    if (answer.body.state !== 'in progress') return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${path} did not settle`);
}
