import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Koa from 'koa';
import { pino } from 'pino';
import { stringify } from 'yaml';
import type { Guard, GuardOutcome, Permission } from '../../authz/index.js';
import { createFleet, type Fleet, openInventory, type StakeSource, sandboxStake } from '../../src/fleet/index.js';
import type { Network } from '../../src/fleet/look/probe.js';
import type { PoolToken } from '../../src/fleet/provisioning/read-pool-balance.js';
import { ROOT } from '../../src/paths.js';
import { type TestDatabase, temporaryFolder, testDatabase } from '../support/database.js';
import { type FakeMoves, fakeMoves } from '../support/fake-moves.js';

export const CONSENSUS = ['grandine', 'lighthouse', 'lodestar', 'nimbus', 'prysm', 'teku'];
export const EXECUTION = ['geth', 'nethermind'];

export function publicKey(index: number): string {
  return `0x${index.toString(16).padStart(96, '0')}`;
}

/** The sandbox's monoculture: 40 of 64 keys on lighthouse, 54 on geth. */
function monoculture(): Map<string, string> {
  const place = (i: number) =>
    i < 36
      ? 'lighthouse-geth'
      : i < 40
        ? 'lighthouse-nethermind'
        : i < 50
          ? 'prysm-geth'
          : i < 58
            ? 'teku-geth'
            : 'nimbus-nethermind';
  return new Map(Array.from({ length: 64 }, (_, i) => [publicKey(i), place(i)]));
}

export interface TestFleet {
  readonly database: TestDatabase;
  readonly moves: FakeMoves;
  readonly fleet: Fleet;
  readonly inventoryPath: string;
  readonly diversityPath: string;
  /** Jobs by hand. */
  run(job: 'look' | 'plan' | 'dispatch' | 'stakes'): Promise<void>;
  /** `/fleet` as the operator (or with the guard's answer given). */
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; body: Record<string, never> & { [key: string]: unknown } }>;
  guardAnswers(outcome: 'granted' | 'challenge' | 'denied'): void;
  readonly asked: Permission[];
  readonly nodes: FakeNodes;
  close(): Promise<void>;
}

/** Every node and validator client of the test fleet on one port: paths `/el/<name>`, `/bn/<name>`, `/vc/<name>`. */
interface FakeNodes {
  readonly uri: string;
  readonly down: Set<string>;
  /** Indexes not live. */
  readonly silent: Set<string>;
  /** By key: the address of 0x01 credentials, or whole credentials. */
  readonly withdrawal: Map<string, string>;
  readonly settings: string[];
  /** `el/<name>` and `bn/<name>` that are of another network. */
  readonly foreign: Set<string>;
}

export async function testFleet(
  options: {
    provisioningInFlight?: number;
    holders?: Map<string, string>;
    diversity?: string;
    stake?: StakeSource;
    network?: Network;
    poolTokens?: readonly PoolToken[];
    /** JSON-RPC of every execution node, instead of one that knows two methods. */
    executionUri?: string;
  } = {},
): Promise<TestFleet> {
  const database = await testDatabase();
  const holders = options.holders ?? monoculture();
  const { nodes, server } = await fakeNodes([...holders.keys()]);
  const folder = temporaryFolder('fleet');
  mkdirSync(join(folder, 'tokens'));
  const inventoryPath = join(folder, 'inventory.yaml');
  writeFileSync(inventoryPath, stringify(inventoryDocument(folder, nodes.uri, options.executionUri)));
  const diversityPath =
    options.diversity === undefined ? join(ROOT, 'policies', 'diversity.yaml') : join(folder, 'diversity.yaml');
  if (options.diversity !== undefined) writeFileSync(diversityPath, options.diversity);
  const clock = { nowMs: () => Date.now() };
  const logger = pino({ level: 'silent' });
  const moves = await fakeMoves(database.dataSource, holders);
  const inventory = openInventory({
    paths: [inventoryPath],
    tokenFolders: [join(folder, 'tokens')],
    writableByOthers: 'warn',
    clock,
    logger,
  });
  const fleet = createFleet({
    dataSource: database.dataSource,
    moves,
    inventory,
    diversityPath,
    ...(options.network && { network: options.network }),
    stake: options.stake ?? sandboxStake({}),
    ...(options.poolTokens && { poolTokens: options.poolTokens }),
    clock,
    logger,
    seal: { sealed: () => undefined },
    provisioningInFlight: options.provisioningInFlight ?? 16,
    writableByOthers: 'warn',
  });
  let answer: 'granted' | 'challenge' | 'denied' = 'granted';
  const asked: Permission[] = [];
  const koa = new Koa();
  koa.use(
    fleet
      .routes(
        guard(() => answer, asked),
        'fleet-resource',
      )
      .routes(),
  );
  const http = createServer((request, response) => void koa.callback()(request, response));
  const uri = await listen(http);
  return {
    database,
    moves,
    fleet,
    inventoryPath,
    diversityPath,
    nodes,
    asked,
    run: async (job) => fleet.jobs.find(({ name }) => name === job)?.run(new AbortController().signal),
    async call(method, path, body) {
      const response = await fetch(`${uri}/fleet${path}`, {
        method,
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : { text },
      };
    },
    guardAnswers(outcome) {
      answer = outcome;
    },
    async close() {
      await fleet.close();
      http.closeAllConnections();
      http.close();
      server.closeAllConnections();
      server.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function inventoryDocument(folder: string, uri: string, executionUri?: string) {
  const pairs = CONSENSUS.flatMap((consensus) =>
    EXECUTION.map((execution) => ({ consensus, execution, name: `${consensus}-${execution}` })),
  );
  return {
    sites: [{ name: 'home', region: 'eu' }],
    execution_nodes: EXECUTION.map((name) => ({
      name,
      implementation: name,
      uri: executionUri ?? `${uri}/el/${name}`,
      site: 'home',
    })),
    beacon_nodes: pairs.map(({ consensus, execution, name }) => ({
      name,
      implementation: consensus,
      uri: `${uri}/bn/${name}`,
      execution_node: execution,
      site: 'home',
    })),
    validator_clients: pairs.map(({ consensus, name }) => {
      writeFileSync(join(folder, 'tokens', name), 'api-token', { mode: 0o600 });
      return {
        name,
        implementation: consensus,
        keymanager_uri: `${uri}/vc/${name}`,
        token_file: `tokens/${name}`,
        beacon_nodes: [name],
        site: 'home',
        capacity: 64,
      };
    }),
  };
}

async function fakeNodes(keys: readonly string[]): Promise<{ nodes: FakeNodes; server: Server }> {
  const nodes: { -readonly [K in keyof FakeNodes]: FakeNodes[K] } = {
    uri: '',
    down: new Set(),
    silent: new Set(),
    withdrawal: new Map(),
    settings: [],
    foreign: new Set(),
  };
  const koa = new Koa();
  koa.use(async (ctx) => {
    const [, kind, name, ...rest] = ctx.path.split('/');
    const path = rest.join('/');
    let body: unknown;
    if (ctx.method === 'POST') {
      let text = '';
      for await (const part of ctx.req) text += String(part);
      body = JSON.parse(text);
    }
    if (nodes.down.has(`${kind}/${name}`)) ctx.throw(503);
    else if (kind === 'el') {
      const { method } = body as { method: string };
      const chainId = nodes.foreign.has(`el/${name}`) ? '0x1' : '0x7a69';
      const result = method === 'eth_syncing' ? false : method === 'eth_chainId' ? chainId : '0x10';
      ctx.body = { jsonrpc: '2.0', id: 1, result };
    } else if (path === 'eth/v1/node/syncing')
      ctx.body = { data: { is_syncing: false, is_optimistic: false, el_offline: false, head_slot: '100' } };
    else if (path === 'eth/v1/beacon/genesis')
      ctx.body = {
        data: { genesis_validators_root: `0x${(nodes.foreign.has(`bn/${name}`) ? 'ff' : '0a').repeat(32)}` },
      };
    else if (path === 'eth/v1/config/spec') ctx.body = { data: { SLOTS_PER_EPOCH: '8' } };
    else if (path.startsWith('eth/v1/validator/liveness/')) {
      ctx.body = { data: (body as string[]).map((index) => ({ index, is_live: !nodes.silent.has(index) })) };
    } else if (path === 'eth/v1/beacon/states/finalized/validators') {
      ctx.body = {
        data: String(ctx.query.id)
          .split(',')
          .filter((key) => keys.includes(key))
          .map((key) => ({
            index: String(keys.indexOf(key)),
            status: 'active_ongoing',
            validator: {
              pubkey: key,
              effective_balance: '32000000000',
              withdrawal_credentials: credentialsOf(nodes.withdrawal.get(key) ?? `0x${'ee'.repeat(20)}`),
            },
          })),
      };
    } else if (kind === 'vc' && path === 'eth/v1/keystores') {
      if (ctx.get('authorization') !== 'Bearer api-token') ctx.throw(403);
      ctx.body = { data: [] };
    } else if (kind === 'vc' && ctx.method === 'POST') {
      nodes.settings.push(`${name} ${path} ${JSON.stringify(body)}`);
      ctx.status = 202;
    } else ctx.throw(404);
  });
  koa.silent = true;
  const server = createServer((request, response) => void koa.callback()(request, response));
  nodes.uri = await listen(server);
  return { nodes, server };
}

const credentialsOf = (given: string) => (given.length === 66 ? given : `0x01${'00'.repeat(11)}${given.slice(2)}`);

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The real guard is authz's and has its own tests; here only what the routes make of its three answers. */
function guard(answer: () => 'granted' | 'challenge' | 'denied', asked: Permission[]): Guard {
  const subject = {
    kind: 'operator',
    party: 'client:operator',
    clientId: 'operator',
    claims: {},
    permissions: [],
    proofOfPossession: false,
  } as const;
  const outcomes: Record<'granted' | 'challenge' | 'denied', GuardOutcome> = {
    granted: { kind: 'granted', subject },
    challenge: {
      kind: 'challenge',
      challenge: { headers: { 'WWW-Authenticate': 'UMA realm="ovsb", ticket="t"' }, ticket: 't', asUri: 'as' },
    },
    denied: { kind: 'denied', decision: { outcome: 'deny', reason: 'the policies say no', policies: [] } },
  };
  return {
    identify: async () => subject,
    async check(_, wanted) {
      asked.push(...wanted);
      return outcomes[answer()];
    },
    challenge: async () => ({ headers: {}, ticket: 't', asUri: 'as' }),
    confirm: async () => true,
    decide: async () => ({ outcome: 'permit', reason: '', policies: [] }),
  };
}
