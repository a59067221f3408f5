import { expect } from 'chai';
import { WebSocket } from 'ws';
import { type Anvil, startAnvil } from './support/anvil.js';
import { type Bound, call, type Harness, startHarness, until, WIDE } from './support/harness.js';

interface Peer {
  readonly socket: WebSocket;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came is looked into by the test
  readonly received: any[];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  ask(message: unknown): Promise<any>;
  readonly closed: Promise<{ code: number; reason: string }>;
}

describe('RPC over WebSocket', () => {
  let anvil: Anvil;
  let harness: Harness;
  let bound: Bound;
  const open: WebSocket[] = [];

  before(async () => {
    anvil = await startAnvil();
    harness = await startHarness(async () => [
      { name: 'geth-1', implementation: 'geth', uri: anvil.uri, wsUri: anvil.wsUri },
    ]);
  });
  after(async () => {
    await harness?.stop();
    await anvil?.stop();
  });
  beforeEach(async () => {
    bound = await harness.bind();
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.terminate();
  });

  async function connect(to: Bound, token: string | undefined, headers: Record<string, string> = {}): Promise<Peer> {
    const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(to.url.replace('http', 'ws'), { headers: { ...authorization, ...headers } });
    open.push(socket);
    const received: { id?: unknown }[] = [];
    socket.on('message', (data) => received.push(JSON.parse(String(data))));
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_, response) => {
        response.resume();
        const { statusCode, headers: answered } = response;
        reject(Object.assign(new Error(`refused ${statusCode}`), { statusCode, headers: answered }));
      });
    });
    return {
      socket,
      received,
      closed,
      async ask(message) {
        const from = received.length;
        socket.send(typeof message === 'string' ? message : JSON.stringify(message));
        let answer: unknown;
        await until(() => {
          answer = received.slice(from).find((each) => Array.isArray(each) || 'id' in each);
          return answer !== undefined;
        });
        return answer;
      },
    };
  }

  const mine = () =>
    fetch(anvil.uri, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call('evm_mine')),
    });
  const heads = (peer: Peer) => peer.received.filter((each) => each.method === 'eth_subscription');
  const subscribers = async () => {
    // anvil mines at once; a notification each means a subscription each.
    await mine();
  };

  it('upgrade without a credential, or with garbage: 401 with the challenge', async () => {
    for (const token of [undefined, 'garbage']) {
      const refused = await connect(bound, token).then(
        () => undefined,
        (error) => error,
      );
      expect(refused.statusCode).to.equal(401);
      expect(refused.headers['www-authenticate']).to.match(/^UMA /);
    }
  });

  it('calls and batches by both credentials, answered like HTTP', async () => {
    harness.guard.issue('rpt-ws', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    for (const token of [bound.token, 'rpt-ws']) {
      const peer = await connect(bound, token);
      expect(await peer.ask(call('eth_chainId', [], 'a'))).to.deep.equal({ jsonrpc: '2.0', id: 'a', result: '0x7a69' });
      expect((await peer.ask('nonsense')).error.code).to.equal(-32700);
      expect((await peer.ask(call('admin_peers'))).error.code).to.equal(-32601);
      expect((await peer.ask({ ...call('eth_call'), METHOD: 'admin_peers' })).error.code).to.equal(-32600);
      expect(await peer.ask([call('eth_chainId', [], 1), call('net_version', [], 2)])).to.have.length(2);
    }
  });

  it('a missing group: −32001 in its place with as_uri and ticket', async () => {
    harness.guard.issue('rpt-lacks', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    const peer = await connect(bound, 'rpt-lacks');
    const answer = await peer.ask(call('eth_subscribe', ['newHeads']));
    expect(answer.error.code).to.equal(-32001);
    expect(answer.error.data).to.have.keys('as_uri', 'ticket');
    const batch = await peer.ask([call('eth_getLogs', [{}])]);
    expect(batch[0].error.code).to.equal(-32001);
  });

  it('eth_subscribe: the id first, then notifications; eth_unsubscribe ends them', async () => {
    const peer = await connect(bound, bound.token);
    const { result } = await peer.ask(call('eth_subscribe', ['newHeads']));
    expect(result).to.match(/^0x[0-9a-f]{32}$/);
    await mine();
    await until(() => heads(peer).length === 1);
    expect(heads(peer)[0].params.subscription).to.equal(result);
    expect(heads(peer)[0].params.result).to.have.property('parentHash');
    expect((await peer.ask(call('eth_unsubscribe', [result]))).result).to.equal(true);
    expect((await peer.ask(call('eth_unsubscribe', [result]))).result).to.equal(false);
    await mine();
    await peer.ask(call('eth_chainId'));
    expect(heads(peer)).to.have.length(1);
  });

  it('fan-out: many subscribers, each with an id of its own', async () => {
    const peers = await Promise.all(Array.from({ length: 5 }, () => connect(bound, bound.token)));
    const ids = await Promise.all(
      peers.map(async (peer) => (await peer.ask(call('eth_subscribe', ['newHeads']))).result),
    );
    expect(new Set(ids).size).to.equal(5);
    await subscribers();
    await until(() => peers.every((peer) => heads(peer).length === 1));
    expect(peers.map((peer) => heads(peer)[0].params.subscription)).to.deep.equal(ids);
  });

  it('unknown kinds are refused; the plan’s cap on subscriptions holds', async () => {
    const tight = await harness.bind({ limits: { ...WIDE, subscriptions: 2 } });
    const peer = await connect(tight, tight.token);
    expect((await peer.ask(call('eth_subscribe', ['everything']))).error.code).to.equal(-32602);
    expect(await peer.ask(call('eth_subscribe', ['newHeads']))).to.have.property('result');
    expect(await peer.ask(call('eth_subscribe', ['newHeads']))).to.have.property('result');
    expect((await peer.ask(call('eth_subscribe', ['newHeads']))).error.code).to.equal(-32005);
  });

  it('the binding deleted: cut at once', async () => {
    const peer = await connect(bound, bound.token);
    await harness.unbind(bound.bindingId);
    expect(await peer.closed).to.deep.equal({ code: 1008, reason: 'binding deleted' });
  });

  it('the RPT revoked: cut; others stay', async () => {
    harness.guard.issue('rpt-cut', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    const cut = await connect(bound, 'rpt-cut');
    const stays = await connect(bound, bound.token);
    harness.guard.revoke('rpt-cut');
    expect(await cut.closed).to.deep.equal({ code: 1008, reason: 'credential revoked' });
    expect((await stays.ask(call('eth_chainId'))).result).to.equal('0x7a69');
  });

  it('the credential expired: cut', async () => {
    const brief = await harness.bind({ expiresAt: new Date(Date.now() + 600) });
    const peer = await connect(brief, brief.token);
    expect(await peer.closed).to.deep.equal({ code: 1008, reason: 'credential expired' });
  });

  it('a frame above the limit: close 1009', async () => {
    const tight = await harness.bind({ limits: { ...WIDE, body_bytes: 1000 } });
    const peer = await connect(tight, tight.token);
    peer.socket.send('x'.repeat(2000));
    expect((await peer.closed).code).to.equal(1009);
  });

  it('a page of an origin that is not allowed: 403', async () => {
    const narrow = await harness.bind({ allowedOrigins: ['https://dapp.example'] });
    const refused = await connect(narrow, narrow.token, { origin: 'https://evil.example' }).then(
      () => undefined,
      (error) => error,
    );
    expect(refused.statusCode).to.equal(403);
    await connect(narrow, narrow.token, { origin: 'https://dapp.example' });
  });

  it('a consumer that does not read is cut', async () => {
    const peer = await connect(bound, bound.token);
    const size = 'x'.repeat(200_000);
    peer.socket.pause();
    for (let count = 0; count < 200; count++) peer.socket.send(JSON.stringify(call('eth_chainId', [], size)));
    await until(async () => /ovsb_rpc_sockets 0/.test(await harness.registry.metrics()), 10_000);
  });

  it('the upstream lost: subscribers are cut and may begin anew', async () => {
    const lonely = await startAnvil();
    const other = await startHarness(
      async () => [{ name: 'lost', implementation: 'geth', uri: lonely.uri, wsUri: lonely.wsUri }],
      {},
      harness.database,
    );
    try {
      const there = await other.bind();
      const peer = await connect(there, there.token);
      expect(await peer.ask(call('eth_subscribe', ['newHeads']))).to.have.property('result');
      await lonely.stop();
      expect((await peer.closed).code).to.equal(1012);
    } finally {
      await other.stop();
      await lonely.stop();
    }
  });
});
