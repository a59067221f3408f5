import { expect } from 'chai';
import fc from 'fast-check';
import { METHODS } from '../../src/gateway/groups.js';
import { type Anvil, startAnvil } from './support/anvil.js';
import { type Bound, call, type Harness, post, startHarness } from './support/harness.js';
import { type RecordingProxy, startRecordingProxy } from './support/recording-proxy.js';

/** gateway.md, "A bypass to test against": what another parser would read must never differ from what was judged. */
describe('RPC bypass attempts', () => {
  let anvil: Anvil;
  let proxy: RecordingProxy;
  let harness: Harness;
  let bound: Bound;

  before(async () => {
    anvil = await startAnvil();
    proxy = await startRecordingProxy(anvil.uri);
    harness = await startHarness(async () => [{ name: 'geth-1', implementation: 'geth', uri: proxy.uri }]);
    bound = await harness.bind({ groups: ['read'] });
  });
  after(async () => {
    await harness?.stop();
    await proxy?.stop();
    await anvil?.stop();
  });

  const refusals: [string, string][] = [
    ['METHOD', '{"jsonrpc":"2.0","id":1,"method":"eth_call","METHOD":"admin_peers","params":[]}'],
    ['METHOD first', '{"METHOD":"admin_peers","jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}'],
    ['Method', '{"jsonrpc":"2.0","id":1,"method":"eth_call","Method":"admin_peers"}'],
    ['METHOD alone', '{"jsonrpc":"2.0","id":1,"METHOD":"admin_peers"}'],
    ['no jsonrpc beside METHOD', '{"method":"eth_call","METHOD":"admin_peers"}'],
    ['Kelvin sign and long s', '{"jsonrpc":"2.0","id":1,"method":"eth_call","param\u017f":[]}'],
    ['method twice, bad last', '{"jsonrpc":"2.0","id":1,"method":"eth_call","method":"admin_peers"}'],
    ['method twice, bad first', '{"jsonrpc":"2.0","id":1,"method":"admin_peers","method":"eth_call"}'],
    ['meth\\u006fd beside method', '{"jsonrpc":"2.0","id":1,"meth\\u006fd":"admin_peers","method":"eth_call"}'],
    ['method beside meth\\u006fd', '{"jsonrpc":"2.0","id":1,"method":"eth_call","meth\\u006fd":"admin_peers"}'],
    ['meth\\u006fd alone', '{"jsonrpc":"2.0","id":1,"meth\\u006fd":"admin_peers"}'],
    ['escaped value', '{"jsonrpc":"2.0","id":1,"method":"admin\\u005fpeers"}'],
    ['a NUL in the method', '{"jsonrpc":"2.0","id":1,"method":"eth_call\\u0000admin_peers"}'],
    ['a space after the method', '{"jsonrpc":"2.0","id":1,"method":"eth_call "}'],
    ['another case', '{"jsonrpc":"2.0","id":1,"method":"ETH_CALL"}'],
    ['__proto__', '{"jsonrpc":"2.0","id":1,"__proto__":{"method":"admin_peers"},"method":"eth_call"}'],
    ['only __proto__', '{"jsonrpc":"2.0","id":1,"__proto__":{"method":"eth_chainId"}}'],
    ['constructor', '{"jsonrpc":"2.0","id":1,"method":"constructor"}'],
    ['toString', '{"jsonrpc":"2.0","id":1,"method":"toString"}'],
    ['__proto__ as method', '{"jsonrpc":"2.0","id":1,"method":"__proto__"}'],
    ['toJSON', '{"jsonrpc":"2.0","id":1,"toJSON":1,"method":"eth_call"}'],
    ['an array as request', '[["jsonrpc","2.0"],["method","admin_peers"]]'],
    ['a batch in a batch', '[[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}]]'],
    ['method an array', '{"jsonrpc":"2.0","id":1,"method":["eth_call"]}'],
    ['METHOD in a batch element', '[{"jsonrpc":"2.0","id":1,"method":"eth_call","METHOD":"admin_peers"}]'],
    ['method twice in a batch element', '[{"jsonrpc":"2.0","id":1,"method":"eth_call","method":"admin_peers"}]'],
    ['two documents', '{"jsonrpc":"2.0","id":1,"method":"eth_call"}{"jsonrpc":"2.0","id":1,"method":"admin_peers"}'],
    ['two lines', '{"jsonrpc":"2.0","id":1,"method":"eth_call"}\n{"jsonrpc":"2.0","id":1,"method":"admin_peers"}'],
    ['a byte order mark', '\ufeff{"jsonrpc":"2.0","id":1,"method":"admin_peers"}'],
    ['a comment', '{"jsonrpc":"2.0","id":1,/*"method":"eth_call",*/"method":"admin_peers"}'],
  ];
  for (const [name, body] of refusals) {
    it(`refused: ${name}`, async () => {
      await post(bound.url, bound.token, call('eth_blockNumber'));
      proxy.seen.length = 0;
      const answer = await post(bound.url, bound.token, body);
      const answers = Array.isArray(answer.json) ? answer.json : [answer.json];
      for (const each of answers) expect(each.error.code).to.be.oneOf([-32700, -32600, -32601]);
      expect(proxy.seen.filter(({ body: seen }) => !/eth_(blockNumber|syncing|chainId)/.test(seen))).to.deep.equal([]);
    });
  }

  for (const method of [
    'engine_newPayloadV4',
    'admin_addPeer',
    'personal_unlockAccount',
    'miner_start',
    'debug_setHead',
    'debug_traceBlockFromFile',
    'debug_traceTransaction',
    'anvil_setBalance',
    'hardhat_impersonateAccount',
    'evm_mine',
    'eth_sign',
    'eth_accounts',
    'eth_sendTransaction',
    'eth_subscribe',
    'txpool_content',
  ]) {
    it(`nobody’s or not this plan’s: ${method}`, async () => {
      expect((await post(bound.url, bound.token, call(method))).json.error.code).to.equal(-32601);
    });
  }

  it('property: whatever is sent, the node only ever sees rebuilt requests of allowed methods', async () => {
    const names = fc.oneof(
      fc.constantFrom(...METHODS.keys()),
      fc.constantFrom('admin_peers', 'debug_setHead', 'evm_mine', 'anvil_mine', 'ETH_CALL', '__proto__', '', 'eth_'),
      fc.string(),
    );
    const key = fc.oneof(
      fc.constantFrom(
        '"method"',
        '"METHOD"',
        '"Method"',
        '"meth\\u006fd"',
        '"\\u006dethod"',
        '"__proto__"',
        '"constructor"',
      ),
      fc.constantFrom('"jsonrpc"', '"id"', '"ID"', '"params"', '"PARAMS"', '"p\\u0061rams"'),
    );
    const value = fc.oneof(
      names.map((name) => JSON.stringify(name)),
      fc.constantFrom('"2.0"', '1', 'null', '[]', '{}', '{"method":"admin_peers"}', '["latest",{"METHOD":"x"}]'),
    );
    const pair = fc.tuple(key, value).map(([name, text]) => `${name}:${text}`);
    const readable = new Set([...METHODS.values()].filter(({ group }) => group === 'read').map(({ name }) => name));
    const good = fc
      .oneof(names, fc.constantFrom(...readable))
      .map((name) => `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(name)},"params":[]}`);
    const wild = fc.array(pair, { maxLength: 7 }).map((pairs) => `{${pairs.join(',')}}`);
    const mixed = fc.tuple(good, pair).map(([text, extra]) => `${text.slice(0, -1)},${extra}}`);
    const element = fc.oneof(good, wild, mixed, value);
    const batch = fc.array(
      fc.oneof(
        element,
        fc.array(element, { maxLength: 3 }).map((all) => `[${all}]`),
      ),
      { maxLength: 5 },
    );
    const body = fc.oneof(
      element,
      batch.map((all) => `[${all.join(',')}]`),
    );
    proxy.seen.length = 0;
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const answer = await post(bound.url, bound.token, text);
        expect(answer.status).to.be.oneOf([200, 204, 400]);
      }),
      { numRuns: 600 },
    );
    expect(proxy.seen.length).to.be.greaterThan(50);
    for (const { body: text } of proxy.seen) {
      const seen: Record<string, unknown> = JSON.parse(text);
      expect(Object.keys(seen)).to.deep.equal(['jsonrpc', 'id', 'method', 'params']);
      expect(readable.has(String(seen.method)), text).to.equal(true);
      expect(text.startsWith(`{"jsonrpc":"2.0","id":1,"method":"${seen.method}","params":`)).to.equal(true);
    }
  });
});
