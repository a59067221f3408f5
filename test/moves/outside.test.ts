import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import type { Inventory } from '../../src/fleet/inventory.js';
import { HttpCaller } from '../../src/fleet/moves/outside/http-call.js';
import { KeymanagerClient } from '../../src/fleet/moves/outside/keymanager-client.js';
import { Streaks } from '../../src/fleet/moves/outside/streaks.js';
import { isSame } from '../../src/fleet/moves/pins.js';
import { Fenced, type Outside, type Store } from '../../src/fleet/moves/ports.js';
import { freshProgress, type MoveRecord } from '../../src/fleet/moves/record.js';
import { runMove } from '../../src/fleet/moves/run-move.js';
import { cleanUp } from '../../src/fleet/moves/steps/clean-up.js';
import { unlessSealed } from '../../src/fleet/moves/unless-sealed.js';

const KEY = `0x${'ab'.repeat(48)}`;
const LEASE = { untilMonotonicMs: Number.MAX_SAFE_INTEGER, untilMs: Number.MAX_SAFE_INTEGER };

describe('moves towards the outside', () => {
  let server: Server;
  let folder: string;
  let uri: string;
  let seen: string[];
  let remoteStatus: number;
  const http = new HttpCaller();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ovsb-outside-'));
    await writeFile(join(folder, 'token'), 'secret');
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.statusCode = request.url === '/eth/v1/remotekeys' ? remoteStatus : 200;
      response.end('{"data":[]}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    seen = [];
    remoteStatus = 200;
  });
  after(async () => {
    await http.close();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('A11: a list without its remote keys proves no absence, unless the client has no such list', async () => {
    const client = { name: 'a', keymanagerUri: uri, tokenFile: join(folder, 'token') };
    const inventory = { validatorClients: [client] } as unknown as Inventory;
    const keymanager = new KeymanagerClient(() => inventory, http);
    expect((await keymanager.list('a')).outcome).to.equal('answered');
    remoteStatus = 404;
    expect((await keymanager.list('a')).outcome).to.equal('answered');
    for (remoteStatus of [500, 401]) expect((await keymanager.list('a')).outcome).to.not.equal('answered');
  });

  it('A6: writes nothing after the deadline of either clock: the monotonic one stands still in a suspended machine', async () => {
    const call = { method: 'POST', url: uri, body: {}, timeoutMs: 1000 } as const;
    const notAfterMonotonicMs = performance.now() + 10_000;
    const late = await http.send({ ...call, notAfterMonotonicMs, notAfterMs: Date.now() - 1 });
    expect(late.outcome).to.equal('refused');
    expect(seen).to.deep.equal([]);
    expect((await http.send({ ...call, notAfterMonotonicMs, notAfterMs: Date.now() + 5000 })).outcome).to.equal(
      'answered',
    );
  });

  it('A9: an epoch is whole only for a node seen synced without a break from its beginning', () => {
    let now = 0;
    const streaks = new Streaks(() => now);
    const view = (currentEpoch: bigint, more = {}) => ({
      name: 'n',
      clients: [],
      synced: true,
      optimistic: false,
      genesisValidatorsRoot: '0x00',
      headEpoch: currentEpoch,
      currentEpoch,
      slotInEpoch: 3n,
      justifiedEpoch: 0n,
      finalizedEpoch: 0n,
      ...more,
    });
    const since = (epoch: bigint, more = {}) => streaks.extend('n', view(epoch, more))?.wholeSince;
    expect(since(5n)).to.equal(6n);
    now += 5_000;
    expect(since(7n)).to.equal(6n);
    expect(since(7n, { optimistic: true })).to.equal(undefined);
    expect(since(7n)).to.equal(8n);
    streaks.extend('n', undefined);
    expect(since(8n, { slotInEpoch: 0n })).to.equal(8n);
    now += 60_000;
    expect(since(9n), 'nobody looked for a minute').to.equal(10n);
  });
});

describe('moves and who answers', () => {
  const move = (state: MoveRecord['state'], more: Partial<MoveRecord['progress']> = {}): MoveRecord => ({
    id: 'm',
    publicKey: KEY,
    from: 'a',
    to: 'b',
    source: 'a',
    destination: 'b',
    state,
    progress: { ...freshProgress({}, []), ...more },
    fence: 1n,
  });
  const options = {
    flightCap: 1,
    leaseMs: 1,
    pollMs: 1,
    patienceMs: 1,
    withoutRestartHook: 'hold',
    sampleAfterSlots: 2n,
  } as const;

  it('A9: asks nothing of a process that took the name of the source since the move began', async () => {
    const deleted: string[] = [];
    const outside = {
      identify: async () => ({ uri: 'elsewhere', token: 't' }),
      deleteKey: async (client: string) => {
        deleted.push(client);
        return { outcome: 'answered', status: 'not_active', raw: 0 } as const;
      },
    } as unknown as Outside;
    const waits: (string | undefined)[] = [];
    const store = {
      commit: async (record: MoveRecord, change: { progress: MoveRecord['progress'] }) => {
        waits.push(change.progress.waiting);
        return record;
      },
    } as unknown as Store;
    for (const state of ['draining', 'confirming', 'restarted', 'ready', 'importing', 'verify'] as const) {
      const pins = { a: { uri: 'a', token: 't' }, b: { uri: 'b', token: 't' } };
      await runMove(move(state, { pins }), LEASE, { outside, store, options, nowMs: () => 0 });
    }
    expect(deleted).to.deep.equal([]);
    expect(waits).to.have.length(6);
    for (const why of waits) expect(why).to.contain('no longer the process');
  });

  it('A9: a process that came back at another address is known by a token of its own, and only by that', () => {
    const pins = { a: { uri: 'a', token: 'ta' }, b: { uri: 'b', token: 'tb' } };
    expect(isSame('a', { uri: 'a', token: 'ta' }, pins)).to.equal(true);
    expect(isSame('a', { uri: 'a2', token: 'ta' }, pins)).to.equal(true);
    expect(isSame('a', { uri: 'b', token: 'ta' }, pins)).to.equal(false);
    expect(isSame('a', { uri: 'a', token: 'tx' }, pins)).to.equal(false);
    const shared = { a: { uri: 'a', token: 't' }, b: { uri: 'b', token: 't' } };
    expect(isSame('a', { uri: 'a2', token: 't' }, shared)).to.equal(false);
  });

  it('A6: in hold an import that arrives late is taken away again', async () => {
    const holds = new Set<string>();
    const deleted: string[] = [];
    const outside = {
      listKeys: async (client: string) => ({ outcome: 'answered', keys: holds.has(client) ? [KEY] : [], raw: 0 }),
      chain: async () => ({ nodes: [], listed: [], slotsPerEpoch: 8n }),
      deleteKey: async (client: string) => {
        deleted.push(client);
        return { outcome: 'answered', status: holds.delete(client) ? 'deleted' : 'not_active', raw: 0 };
      },
    } as unknown as Outside;
    const context = { outside, store: {} as Store, options, nowMs: () => 0 };
    let held = move('hold', { cleanup: 'b' });
    const step = async () => {
      held = { ...held, progress: (await cleanUp(held, LEASE, context)).progress };
    };
    await step();
    await step();
    expect(deleted).to.deep.equal(['b']);
    holds.add('b');
    await step();
    await step();
    holds.add('a');
    await step();
    expect([...holds]).to.deep.equal([]);
    expect(deleted).to.deep.equal(['b', 'b', 'b', 'a']);
  });

  it('A1: a seal that falls while moves are stepped stops them at their next commit', async () => {
    let reason: string | undefined;
    const plain = {
      claim: async () => [move('ready')],
      commit: async (record: MoveRecord) => record,
    } as unknown as Store;
    const store = unlessSealed(plain, () => reason);
    expect(await store.claim(1, 1)).to.have.length(1);
    reason = 'restored';
    expect(await store.claim(1, 1)).to.deep.equal([]);
    const refused = await store
      .commit(move('ready'), { progress: freshProgress({}, []), evidence: [] })
      .catch((e) => e);
    expect(refused).to.be.instanceOf(Fenced);
  });
});
