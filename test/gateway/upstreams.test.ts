import { expect } from 'chai';
import { parseEther, parseGwei } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { UpstreamSource } from '../../src/gateway/endpoint.js';
import { type Anvil, startAnvil } from './support/anvil.js';
import { type Bound, call, type Harness, post, startHarness, until } from './support/harness.js';
import { type RecordingProxy, startRecordingProxy } from './support/recording-proxy.js';

/** anvil's first account, known to everybody. */
const ACCOUNT = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');

describe('RPC upstreams', () => {
  let anvil: Anvil;
  let proxies: RecordingProxy[];
  let harness: Harness;
  let bound: Bound;
  let listed: Awaited<ReturnType<UpstreamSource>>;
  let nonce = 0;

  before(async () => {
    anvil = await startAnvil();
  });
  after(() => anvil?.stop());
  beforeEach(async () => {
    proxies = [await startRecordingProxy(anvil.uri), await startRecordingProxy(anvil.uri)];
    listed = proxies.map(({ uri }, index) => ({ name: `node-${index}`, implementation: 'geth', uri }));
    harness = await startHarness(async () => listed, { upstreamTimeoutMs: 1000 });
    bound = await harness.bind();
    expect((await ask('net_version')).json.result).to.equal('31337');
    for (const proxy of proxies) proxy.seen.length = 0;
  });
  afterEach(async () => {
    await harness.stop();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  });

  const ask = (method: string, params: unknown = [], id: unknown = 1) =>
    post(bound.url, bound.token, call(method, params, id));
  const counted = (index: number, method: string) =>
    proxies[index]?.seen.filter(({ body }) => body.includes(`"${method}"`)).length;
  const instead = (
    index: number,
    method: string,
    answer: (response: Parameters<NonNullable<RecordingProxy['instead']>>[1]) => void,
  ) => {
    const proxy = proxies[index];
    if (proxy === undefined) throw new Error('no such proxy');
    proxy.instead = (body, response) => {
      if (!body.includes(`"${method}"`)) return false;
      answer(response);
      return true;
    };
  };
  const signed = () =>
    ACCOUNT.signTransaction({
      chainId: 31337,
      type: 'eip1559',
      nonce: nonce++,
      to: '0x00000000000000000000000000000000000000aa',
      value: parseEther('0.001'),
      gas: 21_000n,
      maxFeePerGas: parseGwei('10'),
      maxPriorityFeePerGas: parseGwei('1'),
    });

  it('a read goes to the next upstream when the first fails, and then to the good one first', async () => {
    await proxies[0]?.stop();
    for (let count = 0; count < 5; count++) expect((await ask('eth_gasPrice')).status).to.equal(200);
    expect(counted(1, 'eth_gasPrice')).to.equal(5);
  });

  for (const [name, answer] of [
    ['a broken connection', (response) => void response.destroy()],
    ['HTTP 500', (response) => void response.writeHead(500).end('oops')],
    ['a redirect', (response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()],
    ['no JSON', (response) => void response.end('<html>')],
    ['another id', (response) => void response.end('{"jsonrpc":"2.0","id":2,"result":"0x1"}')],
  ] as [string, Parameters<typeof instead>[2]][]) {
    it(`a read is retried elsewhere after ${name}`, async () => {
      instead(0, 'eth_gasPrice', answer);
      expect((await ask('eth_gasPrice')).status).to.equal(200);
      expect(counted(1, 'eth_gasPrice')).to.equal(1);
    });
  }

  it('no answer in time: HTTP 504 with a JSON-RPC body and a correlation id', async () => {
    instead(0, 'eth_gasPrice', () => undefined);
    instead(1, 'eth_gasPrice', () => undefined);
    const answer = await ask('eth_gasPrice', [], 'late');
    expect(answer.status).to.equal(504);
    expect(answer.json).to.deep.include({ jsonrpc: '2.0', id: 'late' });
    expect(answer.json.error.data.correlation_id).to.match(/^[0-9a-f-]{36}$/);
    expect(harness.logged.join()).to.contain(answer.json.error.data.correlation_id);
  });

  it('all unreachable: 502; none known: 503, with a correlation id', async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    const answer = await ask('eth_gasPrice');
    expect(answer.status).to.equal(502);
    expect(answer.json.error.data.correlation_id).to.be.a('string');
    listed = [];
    await until(async () => (await ask('eth_gasPrice')).status === 503, 3000);
  });

  it('an endpoint follows its upstreams within seconds', async () => {
    listed = listed.slice(1);
    await until(async () => {
      proxies[0]?.seen.splice(0);
      expect((await ask('eth_gasPrice')).status).to.equal(200);
      return counted(0, 'eth_gasPrice') === 0;
    }, 3000);
  });

  it('a node of another chain, an Engine API port and other schemes are never used', async () => {
    const foreign = await startAnvil('--chain-id', '1');
    try {
      listed = [
        { name: 'engine', implementation: 'geth', uri: 'http://127.0.0.1:8551' },
        { name: 'file', implementation: 'geth', uri: 'file:///etc/passwd' },
        { name: 'foreign', implementation: 'geth', uri: foreign.uri },
      ];
      await until(async () => (await ask('eth_gasPrice')).status === 503, 3000);
    } finally {
      await foreign.stop();
    }
  });

  it('a lagging node is asked last', async () => {
    const behind = await startAnvil();
    try {
      await fetch(anvil.uri, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call('anvil_mine', ['0xa'])),
      });
      listed = [{ name: 'behind', implementation: 'geth', uri: behind.uri }, ...listed];
      await until(async () => {
        const { json } = await ask('eth_getBlockByNumber', ['latest', false]);
        return BigInt(json.result.number) >= 10n;
      }, 6000);
    } finally {
      await behind.stop();
    }
  });

  describe('eth_sendRawTransaction', () => {
    it('sent once; "already known" is success with the hash', async () => {
      const raw = await signed();
      const sent = await ask('eth_sendRawTransaction', [raw]);
      expect(sent.json.result).to.match(/^0x[0-9a-f]{64}$/);
      expect(counted(0, 'eth_sendRawTransaction')).to.equal(1);
      for (const message of ['already known', 'AlreadyKnown', 'Known transaction', 'transaction already imported']) {
        instead(0, 'eth_sendRawTransaction', (response) =>
          response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32000, message } })),
        );
        expect((await ask('eth_sendRawTransaction', [raw])).json.result, message).to.equal(sent.json.result);
      }
    });

    it('other refusals pass through unchanged', async () => {
      const answer = await ask('eth_sendRawTransaction', ['0x00']);
      expect(answer.status).to.equal(200);
      expect(answer.json.error).to.have.keys('code', 'message');
    });

    it('never repeated when it may have arrived: looked up instead, found', async () => {
      const raw = await signed();
      const proxy = proxies[0];
      if (proxy === undefined) throw new Error('no proxy');
      proxy.instead = (body, response) => {
        if (!body.includes('eth_sendRawTransaction')) return false;
        const passed = fetch(anvil.uri, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        passed.then(
          () => response.destroy(),
          () => response.destroy(),
        );
        return true;
      };
      const answer = await ask('eth_sendRawTransaction', [raw]);
      expect(answer.status).to.equal(200);
      expect(answer.json.result).to.match(/^0x[0-9a-f]{64}$/);
      expect(counted(0, 'eth_sendRawTransaction')).to.equal(1);
      expect(counted(1, 'eth_sendRawTransaction')).to.equal(0);
    });

    it('never repeated when it may have arrived: not found, an error that names the hash', async () => {
      instead(0, 'eth_sendRawTransaction', (response) => response.destroy());
      const raw = await signed();
      nonce -= 1;
      const answer = await ask('eth_sendRawTransaction', [raw]);
      expect(answer.status).to.equal(502);
      expect(answer.json.error.data).to.have.keys('correlation_id', 'transaction_hash');
      expect(counted(0, 'eth_sendRawTransaction')).to.equal(1);
      expect(counted(1, 'eth_sendRawTransaction')).to.equal(0);
    });

    it('goes to the next upstream when the first was surely not reached', async () => {
      await proxies[0]?.stop();
      const answer = await ask('eth_sendRawTransaction', [await signed()]);
      expect(answer.json.result).to.match(/^0x[0-9a-f]{64}$/);
      expect(counted(1, 'eth_sendRawTransaction')).to.equal(1);
    });
  });

  describe('filters', () => {
    it('re-mapped per binding: ids of ours, unknown to another binding', async () => {
      const made = await ask('eth_newBlockFilter');
      expect(made.json.result).to.match(/^0x[0-9a-f]{32}$/);
      expect((await ask('eth_getFilterChanges', [made.json.result])).json.result).to.deep.equal([]);
      const other = await harness.bind();
      const stolen = await post(other.url, other.token, call('eth_getFilterChanges', [made.json.result]));
      expect(stolen.json.error).to.deep.equal({ code: -32000, message: 'filter not found' });
      for (const guess of ['0x1', 1, null, '__proto__']) {
        expect((await ask('eth_getFilterChanges', [guess])).json.error.code).to.equal(-32000);
      }
      expect((await ask('eth_uninstallFilter', [made.json.result])).json.result).to.equal(true);
      expect((await ask('eth_getFilterChanges', [made.json.result])).json.error.code).to.equal(-32000);
    });

    it('pinned to the upstream they were made on', async () => {
      const made = await ask('eth_newFilter', [{}]);
      listed = [...listed].reverse();
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await ask('eth_gasPrice');
      expect((await ask('eth_getFilterChanges', [made.json.result])).json).to.have.property('result');
      expect(counted(0, 'eth_getFilterChanges')).to.equal(1);
      expect(counted(1, 'eth_getFilterChanges')).to.equal(0);
    });
  });

  it('identical head reads in flight share one upstream call', async () => {
    instead(0, 'eth_blockNumber', (response) => {
      setTimeout(() => response.end('{"jsonrpc":"2.0","id":1,"result":"0x5"}'), 200);
    });
    const asked = Array.from({ length: 20 }, (_, id) => ask('eth_blockNumber', [], id));
    const answers = await Promise.all(asked);
    expect(answers.map(({ json }) => json)).to.deep.equal(
      answers.map((_, id) => ({ jsonrpc: '2.0', id, result: '0x5' })),
    );
    expect(counted(0, 'eth_blockNumber')).to.be.lessThan(6);
  });

  it('a batch’s answers are capped in all: the rest gets −32003', async () => {
    const huge = `{"jsonrpc":"2.0","id":1,"result":"${'a'.repeat(6_000_000)}"}`;
    instead(0, 'eth_getCode', (response) => response.end(huge));
    instead(1, 'eth_getCode', (response) => response.end(huge));
    const answer = await post(
      bound.url,
      bound.token,
      Array.from({ length: 8 }, (_, id) => call('eth_getCode', [], id)),
    );
    const codes = answer.json.map((each: { error?: { code: number } }) => each.error?.code);
    expect(codes.filter((code: number | undefined) => code === -32003)).to.have.length.greaterThan(3);
    expect(answer.text.length).to.be.lessThan(26_000_000);
  });

  it('an answer that breaks off while it streams is seen to be broken', async () => {
    instead(0, 'eth_getCode', (response) => {
      response.write(`{"jsonrpc":"2.0","id":1,"result":"0x${'a'.repeat(100_000)}`);
      setTimeout(() => response.destroy(), 50);
    });
    const broken = await ask('eth_getCode').then(
      () => false,
      () => true,
    );
    expect(broken).to.equal(true);
  });
});
