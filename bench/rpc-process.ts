/** One part of `rpc-hot-path` in a process of its own, so that its CPU time is its own: argv[2] says which. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { Pool } from 'undici';
import { systemClock } from '../src/clock.js';
import { createGateway } from '../src/gateway/gateway.js';
import { createLogger } from '../src/logger.js';
import { stopTestDatabases, testDatabase } from '../test/support/database.js';

const upstream = process.argv[3] ?? '';
const ANSWER = '{"jsonrpc":"2.0","id":1,"result":"0x0234c8a3397aab58aaa"}';
const WIDE = { units_per_second: 1e9, burst: 1e9, batch: 100, body_bytes: 1_048_576, subscriptions: 10 };

/** An execution node that answers everything alike, except what a probe asks. */
const node: RequestListener = (incoming, response) => {
  let body = '';
  incoming.setEncoding('latin1').on('data', (chunk: string) => {
    body += chunk;
  });
  incoming.on('end', () => {
    const result = body.includes('eth_chainId') ? '"0x7a69"' : body.includes('eth_syncing') ? 'false' : undefined;
    const answer = result === undefined ? ANSWER : `{"jsonrpc":"2.0","id":1,"result":${result}}`;
    response.writeHead(200, ['content-type', 'application/json', 'content-length', String(answer.length)]);
    response.end(answer, 'latin1');
  });
};

/** What the simplest proxy of node's own http costs. */
function plain(): RequestListener {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return (incoming, response) => {
    const outgoing = request(upstream, { method: 'POST', agent, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(outgoing);
  };
}

/** The same with undici, body and answer in memory. */
function plainUndici(): RequestListener {
  const pool = new Pool(upstream, { connections: 64 });
  return (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const answer = await pool.request({
        path: '/',
        method: 'POST',
        body: Buffer.concat(chunks),
        headers: { 'content-type': 'application/json' },
      });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      response.writeHead(answer.statusCode, { 'content-type': 'application/json', 'content-length': bytes.length });
      response.end(bytes);
    });
  };
}

async function gateway(): Promise<{ listener: RequestListener; close: () => Promise<void> }> {
  const { dataSource } = await testDatabase();
  const made = createGateway({
    dataSource,
    guard: {
      identify: async () => undefined,
      confirm: async () => true,
      challenge: async () => ({ headers: {}, ticket: '', asUri: '' }),
    },
    onRevocation: () => () => undefined,
    upstreams: async () => [{ name: 'node', implementation: 'geth', uri: upstream }],
    chainId: 31337,
    clock: systemClock,
    log: createLogger('error'),
    registry: new Registry(),
    unknownBinding: () => [],
  });
  await dataSource.transaction((manager) =>
    made.endpoints.open(
      {
        bindingId: 'bench',
        resourceId: 'bench',
        groups: ['read'],
        limits: WIDE,
        tokenHash: createHash('sha256').update('bench-token').digest(),
        expiresAt: new Date(Date.now() + 3_600_000),
      },
      manager,
    ),
  );
  while (made.notReady() !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  const close = async () => {
    await made.close();
    await stopTestDatabases();
  };
  return { listener: (incoming, response) => made.handle(incoming, response), close };
}

const still = async () => undefined;
const parts: Record<string, () => Promise<{ listener: RequestListener; close: () => Promise<void> }>> = {
  node: async () => ({ listener: node, close: still }),
  plain: async () => ({ listener: plain(), close: still }),
  'plain-undici': async () => ({ listener: plainUndici(), close: still }),
  gateway,
};

const part = await parts[process.argv[2] ?? '']?.();
if (part === undefined) throw new Error('no such part');
const server = createServer({ keepAliveTimeout: 65_000 }, part.listener).listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('message', async (asked) => {
  if (asked === 'cpu') process.send?.(process.cpuUsage());
  else {
    server.closeAllConnections();
    server.close();
    await part.close();
    process.exit(0);
  }
});
process.send?.((server.address() as AddressInfo).port);
