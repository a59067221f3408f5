import { expect } from 'chai';
import { type Anvil, startAnvil } from './support/anvil.js';
import { type Bound, call, type Harness, post, startHarness, until, WIDE } from './support/harness.js';
import { type RecordingProxy, startRecordingProxy } from './support/recording-proxy.js';

/** gateway.md, "Answers, exactly", line by line, before a real node. */
describe('RPC answers, exactly', () => {
  let anvil: Anvil;
  let proxy: RecordingProxy;
  let harness: Harness;
  let bound: Bound;

  before(async () => {
    anvil = await startAnvil();
    proxy = await startRecordingProxy(anvil.uri);
    harness = await startHarness(async () => [{ name: 'geth-1', implementation: 'geth', uri: proxy.uri }]);
  });
  after(async () => {
    await harness?.stop();
    await proxy?.stop();
    await anvil?.stop();
  });
  beforeEach(async () => {
    proxy.instead = undefined;
    bound = await harness.bind();
  });

  const ask = (body: unknown, headers?: Record<string, string>) => post(bound.url, bound.token, body, headers);

  describe('credentials', () => {
    const refused = (answer: Awaited<ReturnType<typeof post>>) => {
      expect(answer.status).to.equal(401);
      expect(answer.headers.get('www-authenticate')).to.match(/^UMA .*as_uri=.*ticket=/);
      expect(answer.json).to.deep.include({ jsonrpc: '2.0', id: null });
      expect(answer.json.error.code).to.equal(-32001);
      expect(answer.json.error.data).to.have.keys('as_uri', 'ticket');
    };

    it('the binding’s own credential: the answer', async () => {
      const answer = await ask(call('eth_blockNumber', [], 'a'));
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ jsonrpc: '2.0', id: 'a', result: '0x0' });
    });

    it('an RPT with the binding’s rpc scopes: the answer', async () => {
      harness.guard.issue('rpt-1', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
      expect((await post(bound.url, 'rpt-1', call('eth_chainId'))).json.result).to.equal('0x7a69');
    });

    it('no credential: 401 with the UMA challenge for the binding and −32001', async () => {
      refused(await post(bound.url, undefined, call('eth_chainId')));
      expect(harness.guard.tickets.at(-1)).to.deep.equal([
        { resourceId: bound.resourceId, scopes: ['rpc:read', 'rpc:logs', 'rpc:send', 'rpc:trace'] },
      ]);
    });

    it('garbage: 401', async () => {
      refused(await post(bound.url, 'garbage', call('eth_chainId')));
      refused(await post(bound.url, undefined, call('eth_chainId'), { authorization: 'Basic b3ZzYjpvdnNi' }));
      refused(await post(bound.url, undefined, call('eth_chainId'), { authorization: 'Bearer' }));
      refused(await post(bound.url, undefined, call('eth_chainId'), { authorization: `Bearer ${'a'.repeat(15_000)}` }));
    });

    it('expired, by the process clock: 401 (own credential and RPT, also when remembered)', async () => {
      const brief = await harness.bind({ expiresAt: new Date(Date.now() + 700) });
      harness.guard.issue('rpt-of-brief', [{ resourceId: brief.resourceId, scopes: ['rpc:read'] }]);
      expect((await post(brief.url, brief.token, call('eth_chainId'))).status).to.equal(200);
      expect((await post(brief.url, 'rpt-of-brief', call('eth_chainId'))).status).to.equal(200);
      const permissions = [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }];
      harness.guard.issue('rpt-past', permissions, { expiresAt: Math.floor(Date.now() / 1000) - 1 });
      await new Promise((resolve) => setTimeout(resolve, 800));
      refused(await post(brief.url, brief.token, call('eth_chainId')));
      refused(await post(brief.url, 'rpt-of-brief', call('eth_chainId')));
    });

    it('revoked: 401', async () => {
      harness.guard.issue('rpt-revoked', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
      expect((await post(bound.url, 'rpt-revoked', call('eth_chainId'))).status).to.equal(200);
      harness.guard.revoke('rpt-revoked');
      refused(await post(bound.url, 'rpt-revoked', call('eth_chainId')));
    });

    it('another binding’s: 401 (own credential and RPT)', async () => {
      const other = await harness.bind();
      harness.guard.issue('rpt-other', [{ resourceId: other.resourceId, scopes: ['rpc:read'] }]);
      refused(await post(bound.url, other.token, call('eth_chainId')));
      refused(await post(bound.url, 'rpt-other', call('eth_chainId')));
      expect((await post(other.url, 'rpt-other', call('eth_chainId'))).status).to.equal(200);
    });

    it('an unknown binding: 401 with a ticket too', async () => {
      refused(await post(`${harness.origin}/rpc/nobodys`, bound.token, call('eth_chainId')));
      refused(await post(`${harness.origin}/rpc/nobodys`, undefined, call('eth_chainId')));
    });

    it('a token in the query string: 401, also beside a good header', async () => {
      refused(await post(`${bound.url}?access_token=${bound.token}`, undefined, call('eth_chainId')));
      refused(await post(`${bound.url}?token=${bound.token}`, bound.token, call('eth_chainId')));
    });

    it('F.26: a DPoP-bound RPT: a fresh proof each time, also when remembered', async () => {
      const permissions = [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }];
      harness.guard.issue('rpt-dpop', permissions, { proofOfPossession: true });
      const proof = (dpop: string) => ({ authorization: 'DPoP rpt-dpop', dpop });
      harness.guard.proofs = new Set(['proof-1', 'proof-2']);
      expect((await post(bound.url, undefined, call('eth_chainId'), proof('proof-1'))).status).to.equal(200);
      expect((await post(bound.url, undefined, call('eth_chainId'), proof('proof-2'))).status).to.equal(200);
      refused(await post(bound.url, undefined, call('eth_chainId'), proof('proof-2')));
      refused(await post(bound.url, undefined, call('eth_chainId'), { authorization: 'DPoP rpt-dpop' }));
    });

    it('a valid RPT without the method’s group: the same 401, and the ticket asks for the missing scope', async () => {
      harness.guard.issue('rpt-read', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
      const answer = await post(bound.url, 'rpt-read', call('eth_getLogs', [{}], 7));
      expect(answer.status).to.equal(401);
      expect(answer.json).to.deep.include({ id: 7 });
      expect(answer.json.error.code).to.equal(-32001);
      expect(harness.guard.tickets.at(-1)).to.deep.equal([{ resourceId: bound.resourceId, scopes: ['rpc:logs'] }]);
    });

    it('… in a batch −32001 in its place with as_uri and ticket; 401 only if every element lacks it', async () => {
      harness.guard.issue('rpt-batch', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
      const mixed = await post(bound.url, 'rpt-batch', [call('eth_getLogs', [{}], 1), call('eth_chainId', [], 2)]);
      expect(mixed.status).to.equal(200);
      expect(mixed.json[0].error.code).to.equal(-32001);
      expect(mixed.json[0].error.data).to.have.keys('as_uri', 'ticket');
      expect(mixed.json[1]).to.deep.equal({ jsonrpc: '2.0', id: 2, result: '0x7a69' });
      refused(await post(bound.url, 'rpt-batch', [call('eth_getLogs', [{}]), call('eth_sendRawTransaction', ['0x'])]));
    });

    it('after unbind: 401 at once, for both credentials, also when both were remembered', async () => {
      harness.guard.issue('rpt-unbind', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
      expect((await post(bound.url, bound.token, call('eth_chainId'))).status).to.equal(200);
      expect((await post(bound.url, 'rpt-unbind', call('eth_chainId'))).status).to.equal(200);
      await harness.unbind(bound.bindingId);
      refused(await post(bound.url, bound.token, call('eth_chainId')));
      refused(await post(bound.url, 'rpt-unbind', call('eth_chainId')));
    });

    it('a closing that is rolled back changes nothing', async () => {
      const failing = harness.database.dataSource.transaction(async (manager) => {
        await harness.gateway.endpoints.close(bound.bindingId, manager);
        throw new Error('rolled back');
      });
      await failing.catch(() => undefined);
      expect((await ask(call('eth_chainId'))).status).to.equal(200);
    });

    it('the binding id used again: the new credential works, the old ones never', async () => {
      await harness.unbind(bound.bindingId);
      const again = await harness.bind({ bindingId: bound.bindingId });
      expect((await post(again.url, again.token, call('eth_chainId'))).status).to.equal(200);
      refused(await post(again.url, bound.token, call('eth_chainId')));
    });

    it('a method the plan does not have, or nobody has: HTTP 200, −32601', async () => {
      const read = await harness.bind({ groups: ['read'] });
      for (const method of ['eth_getLogs', 'eth_sendRawTransaction', 'admin_peers', 'eth_accounts', 'nothing']) {
        const answer = await post(read.url, read.token, call(method, [], 5));
        expect(answer.status, method).to.equal(200);
        expect(answer.json.error.code, method).to.equal(-32601);
        expect(answer.json.id).to.equal(5);
      }
    });
  });

  describe('malformed', () => {
    it('unreadable bytes: HTTP 400, −32700, id null', async () => {
      for (const body of ['', '{', '{"jsonrpc":"2.0",}', 'nonsense', '\u0000', new Uint8Array([0xff, 0xfe])]) {
        const answer = await ask(body);
        expect(answer.status).to.equal(400);
        expect(answer.json).to.deep.include({ jsonrpc: '2.0', id: null });
        expect(answer.json.error.code).to.equal(-32700);
      }
    });

    const invalid: [string, unknown, unknown][] = [
      ['missing jsonrpc', { id: 1, method: 'eth_chainId' }, 1],
      ['other jsonrpc', { jsonrpc: '1.0', id: 1, method: 'eth_chainId' }, 1],
      ['unknown top-level key', { ...call('eth_chainId'), extra: 1 }, 1],
      ['METHOD beside method', { ...call('eth_call'), METHOD: 'admin_peers' }, 1],
      ['id an object', call('eth_chainId', [], {}), null],
      ['id an array', call('eth_chainId', [], []), null],
      ['id a boolean', call('eth_chainId', [], true), null],
      ['id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"eth_chainId"}', null],
      ['id 1e400', '{"jsonrpc":"2.0","id":1e400,"method":"eth_chainId"}', null],
      ['method a number', call(7 as unknown as string), 1],
      ['no method', { jsonrpc: '2.0', id: 1 }, 1],
      ['params a string', call('eth_chainId', 'x'), 1],
      ['params null', call('eth_chainId', null), 1],
      ['a key twice', '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","method":"eth_call"}', 1],
      ['a string', '"eth_chainId"', null],
      ['a number', '7', null],
      ['null', 'null', null],
      [
        'nested too deep',
        `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${'['.repeat(5000)}${']'.repeat(5000)}}`,
        null,
      ],
    ];
    for (const [name, body, id] of invalid) {
      it(`${name}: HTTP 200, −32600, id ${id}`, async () => {
        const answer = await ask(body);
        expect(answer.status).to.equal(200);
        expect(answer.json.error.code).to.equal(-32600);
        expect(answer.json.id).to.equal(id);
      });
    }

    it('ids that are strings, numbers, fractions and null come back as they were', async () => {
      for (const id of ['', 'ünïcödé "quoted" 😀', 0, -1, 1.5, Number.MAX_SAFE_INTEGER, null]) {
        expect((await ask(call('eth_blockNumber', [], id))).json).to.deep.equal({ jsonrpc: '2.0', id, result: '0x0' });
      }
    });

    it('an upstream’s error object passes through unchanged with HTTP 200', async () => {
      const error = { code: -32015, message: 'höchst seltsam 😀', data: { deep: ['0x1'] } };
      proxy.instead = (body, response) => {
        if (!body.includes('eth_call')) return false;
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error }));
        return true;
      };
      const answer = await ask(call('eth_call', [{}, 'latest'], 'x'));
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ jsonrpc: '2.0', id: 'x', error });
    });
  });

  describe('notifications and batches', () => {
    const notification = (method: string) => ({ jsonrpc: '2.0', method, params: [] });

    it('a notification: 204, empty', async () => {
      for (const method of ['eth_blockNumber', 'admin_peers']) {
        const answer = await ask(notification(method));
        expect(answer.status).to.equal(204);
        expect(answer.text).to.equal('');
      }
    });

    it('a batch of only notifications: 204, empty', async () => {
      const answer = await ask([notification('eth_blockNumber'), notification('eth_gasPrice')]);
      expect(answer.status).to.equal(204);
      expect(answer.text).to.equal('');
    });

    it('a batch: answers in request order, notifications left out', async () => {
      const names = [
        'eth_gasPrice',
        'eth_chainId',
        'net_version',
        'eth_blockNumber',
        'web3_clientVersion',
        'eth_syncing',
      ];
      const elements = names.map((name, index) => call(name, [], index));
      const answer = await ask([...elements.slice(0, 3), notification('eth_chainId'), ...elements.slice(3)]);
      expect(answer.status).to.equal(200);
      expect(answer.json.map((each: { id: number }) => each.id)).to.deep.equal([0, 1, 2, 3, 4, 5]);
      for (const each of answer.json) expect(each).to.have.property('result');
    });

    it('100 elements pass, more are refused whole with one −32600', async () => {
      const hundred = Array.from({ length: 100 }, (_, id) => call('eth_chainId', [], id));
      expect((await ask(hundred)).json).to.have.length(100);
      const answer = await ask([...hundred, call('eth_chainId')]);
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.include({ id: null });
      expect(answer.json.error.code).to.equal(-32600);
    });

    it('[]: one −32600', async () => {
      const answer = await ask([]);
      expect(answer.status).to.equal(200);
      expect(answer.json.error.code).to.equal(-32600);
      expect(answer.json.id).to.equal(null);
    });

    it('a malformed or nested element: −32600 in its place', async () => {
      const answer = await ask([
        1,
        call('eth_chainId', [], 2),
        [call('eth_chainId')],
        { ...call('eth_chainId', [], 4), a: 1 },
      ]);
      expect(answer.json.map((each: { error?: { code: number } }) => each.error?.code)).to.deep.equal([
        -32600,
        undefined,
        -32600,
        -32600,
      ]);
      expect(answer.json[3].id).to.equal(4);
    });
  });

  describe('limits', () => {
    const narrow = { units_per_second: 1, burst: 5, batch: 100, body_bytes: 2000, subscriptions: 1 };

    it('a single call beyond the limit: HTTP 429, −32005, Retry-After in whole seconds', async () => {
      const tight = await harness.bind({ limits: narrow });
      for (let count = 0; count < 5; count++) await post(tight.url, tight.token, call('eth_blockNumber'));
      const answer = await post(tight.url, tight.token, call('eth_blockNumber', [], 9));
      expect(answer.status).to.equal(429);
      expect(answer.json.error.code).to.equal(-32005);
      expect(answer.json.id).to.equal(9);
      expect(answer.headers.get('retry-after')).to.match(/^[1-9]\d*$/);
    });

    it('elements of a batch beyond the limit: −32005 in place', async () => {
      const tight = await harness.bind({ limits: narrow });
      const answer = await post(
        tight.url,
        tight.token,
        Array.from({ length: 8 }, (_, id) => call('eth_blockNumber', [], id)),
      );
      expect(answer.status).to.equal(200);
      const codes = answer.json.map((each: { error?: { code: number } }) => each.error?.code);
      expect(codes).to.deep.equal([...new Array(5).fill(undefined), -32005, -32005, -32005]);
    });

    it('both credentials of a binding draw on one bucket', async () => {
      const tight = await harness.bind({ limits: narrow });
      harness.guard.issue('rpt-tight', [{ resourceId: tight.resourceId, scopes: ['rpc:read'] }]);
      for (let count = 0; count < 5; count++) await post(tight.url, tight.token, call('eth_blockNumber'));
      expect((await post(tight.url, 'rpt-tight', call('eth_blockNumber'))).status).to.equal(429);
    });

    it('a body above the limit: 413, announced or not', async () => {
      const tight = await harness.bind({ limits: narrow });
      const big = call('eth_call', ['x'.repeat(5000)]);
      expect((await post(tight.url, tight.token, big)).status).to.equal(413);
      const response = await fetch(tight.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${tight.token}` },
        body: new Blob([JSON.stringify(big)]).stream(),
        duplex: 'half',
      } as RequestInit);
      expect(response.status).to.equal(413);
      expect(await response.json()).to.have.property('error');
    });

    it('a body of 2 MB: 413 at once with a JSON-RPC error', async () => {
      const answer = await ask(call('eth_call', ['x'.repeat(2_000_000)]));
      expect(answer.status).to.equal(413);
      expect(answer.json.error.code).to.equal(-32600);
    });

    it('other HTTP methods: 405; without a credential 401', async () => {
      const headers = { authorization: `Bearer ${bound.token}` };
      expect((await fetch(bound.url, { headers })).status).to.equal(405);
      expect((await fetch(bound.url)).status).to.equal(401);
    });
  });

  describe('C2: CORS', () => {
    it('any origin by default, no credentials, headers on 401 too', async () => {
      for (const token of [bound.token, undefined]) {
        const answer = await post(bound.url, token, call('eth_chainId'), { origin: 'https://dapp.example' });
        expect(answer.status).to.equal(token === undefined ? 401 : 200);
        expect(answer.headers.get('access-control-allow-origin')).to.equal('*');
        expect(answer.headers.get('access-control-allow-credentials')).to.equal(null);
      }
    });

    const preflight = (url: string, origin: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });

    it('preflight without a token', async () => {
      const answer = await preflight(bound.url, 'https://dapp.example');
      expect(answer.status).to.equal(204);
      expect(answer.headers.get('access-control-allow-origin')).to.equal('*');
      expect(answer.headers.get('access-control-allow-methods')).to.contain('POST');
      expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).to.contain('authorization');
    });

    it('allowed_origins narrows it', async () => {
      const narrow = await harness.bind({ allowedOrigins: ['https://dapp.example'] });
      const good = await post(narrow.url, narrow.token, call('eth_chainId'), { origin: 'https://dapp.example' });
      expect(good.headers.get('access-control-allow-origin')).to.equal('https://dapp.example');
      const bad = await post(narrow.url, narrow.token, call('eth_chainId'), { origin: 'https://evil.example' });
      expect(bad.headers.get('access-control-allow-origin')).to.equal(null);
      const flight = await preflight(narrow.url, 'https://evil.example');
      expect(flight.headers.get('access-control-allow-origin')).to.equal(null);
    });
  });

  describe('in every plan', () => {
    it('rpc.discover lists what this binding may call', async () => {
      const read = await harness.bind({ groups: ['read'] });
      const answer = await post(read.url, read.token, call('rpc.discover'));
      expect(answer.json.result.openrpc).to.match(/^1\./);
      const names = answer.json.result.methods.map((each: { name: string }) => each.name);
      expect(names).to.include.members(['eth_blockNumber', 'eth_call', 'ovsb_usage', 'rpc.discover']);
      expect(names).to.not.include.members(['eth_getLogs']);
    });

    it('ovsb_usage counts requests and units of the binding, and the door gives the same', async () => {
      const counted = await harness.bind();
      for (let count = 0; count < 3; count++) await post(counted.url, counted.token, call('eth_blockNumber'));
      const answer = await post(counted.url, counted.token, call('ovsb_usage'));
      expect(answer.json.result).to.deep.include({ requests: 4, units: 13, limits: WIDE });
      expect(await harness.gateway.endpoints.usage(counted.bindingId)).to.deep.equal({ requests: 4n, units: 13n });
      await harness.unbind(counted.bindingId);
      expect(await harness.gateway.endpoints.usage(counted.bindingId)).to.deep.equal({ requests: 4n, units: 13n });
    });
  });

  describe('C6 metrics and logs', () => {
    it('method labels come from the known set only; no token in the log', async () => {
      await ask(call('eth_gasPrice'));
      await ask(call('evil_label_of_mine'));
      const text = await harness.registry.metrics();
      expect(text).to.contain('method="eth_gasPrice"');
      expect(text).to.not.contain('evil_label');
      expect(text).to.not.contain(bound.token);
      expect(harness.logged.join('\n')).to.not.contain(bound.token);
    });
  });

  it('paths that are no endpoint: 404', async () => {
    for (const path of ['/rpc/', '/rpc/a/b', '/rpc/%ff']) {
      expect((await post(`${harness.origin}${path}`, bound.token, call('eth_chainId'))).status, path).to.equal(404);
    }
  });

  it('large answers stream through whole', async () => {
    const data = `0x${'ab'.repeat(300_000)}`;
    for (const text of [
      `{"jsonrpc":"2.0","id":1,"result":"${data}"}`,
      `{"jsonrpc":"2.0","result":"${data}","id":1}`,
      `{ "result" : "${data}", "id" : 1, "jsonrpc":"2.0"}`,
    ]) {
      proxy.instead = (body, response) => {
        if (!body.includes('eth_getCode')) return false;
        response.end(text);
        return true;
      };
      const answer = await ask(call('eth_getCode', [], 'größe'));
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ jsonrpc: '2.0', id: 'größe', result: data });
    }
  });

  it('only {jsonrpc, id, method, params} reach the node: no header, URL or credential of the caller', async () => {
    proxy.seen.length = 0;
    await ask(call('eth_getBalance', ['0x0000000000000000000000000000000000000000', 'latest'], 'mine'), {
      'x-own': 'secret-header',
    });
    await until(() => proxy.seen.length > 0);
    for (const { body, headers, url } of proxy.seen) {
      expect(Object.keys(JSON.parse(body)).sort()).to.deep.equal(['id', 'jsonrpc', 'method', 'params']);
      expect(JSON.stringify(headers)).to.not.contain('secret-header');
      expect(headers).to.not.have.property('authorization');
      expect(url).to.equal('/');
    }
  });
});
