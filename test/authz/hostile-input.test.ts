import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { raw } from './raw-call.js';
import {
  basic,
  bearerOf,
  CLIENT,
  call,
  ensure,
  guardedUrl,
  OPERATOR,
  patOf,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  UMA,
  walletRpt,
} from './support.js';

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

const BODIES: readonly (readonly [string, string, string | Buffer])[] = [
  ['empty JSON', JSON_TYPE, ''],
  ['half JSON', JSON_TYPE, '{"a":'],
  ['null', JSON_TYPE, 'null'],
  ['a number', JSON_TYPE, '1e400'],
  ['nested deep', JSON_TYPE, DEEP],
  ['prototype keys', JSON_TYPE, '{"__proto__":{"x":1},"constructor":{"prototype":{}},"resource_scopes":["a"]}'],
  ['huge numbers', JSON_TYPE, '{"resource_id":1e308,"resource_scopes":[-1e308]}'],
  ['NUL', JSON_TYPE, '{"resource_id":"\\u0000","resource_scopes":["\\u0000"],"client_name":"\\u0000"}'],
  ['lone surrogates', JSON_TYPE, '{"resource_id":"\\ud800","resource_scopes":["\\udfff"],"client_name":"\\ud800"}'],
  ['invalid UTF-8', JSON_TYPE, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  [
    'right to left and emoji',
    JSON_TYPE,
    '{"resource_id":"\u202e\u{1f4a9}","resource_scopes":["\u{1f4a9}"],"client_name":"\u202e"}',
  ],
  ['many members', JSON_TYPE, `{${Array.from({ length: 3000 }, (_, index) => `"k${index}":1`).join()}}`],
  ['2 MB', JSON_TYPE, `{"a":"${'x'.repeat(2_000_000)}"}`],
  ['empty form', FORM_TYPE, ''],
  ['repeated parameters', FORM_TYPE, `grant_type=${UMA}&ticket=a&ticket=b&token=a&token=b&client_id=a&client_id=b`],
  ['arrays in a form', FORM_TYPE, 'ticket[]=a&ticket[x]=b&token[]=a&grant_type[]=x'],
  ['bad percent signs', FORM_TYPE, 'ticket=%&token=%zz&client_id=%e0%a4&grant_type=%'],
  ['NUL in a form', FORM_TYPE, `grant_type=${UMA}&ticket=%00&token=%00&client_id=ovsb-cli%00&pct=%00&rpt=%00`],
  [
    'a huge ticket',
    FORM_TYPE,
    `grant_type=${UMA}&client_id=ovsb-cli&ticket=${'x'.repeat(50_000)}&token=${'x'.repeat(5_000)}`,
  ],
  [
    'a huge claim token',
    FORM_TYPE,
    `grant_type=${UMA}&client_id=ovsb-cli&ticket=x&claim_token=${'A'.repeat(50_000)}&claim_token_format=x`,
  ],
  ['unknown grant type', FORM_TYPE, 'grant_type=password&client_id=ovsb-cli&username=a&password=b'],
  ['prototype parameters', FORM_TYPE, `__proto__=1&constructor=2&toString=3&grant_type=${UMA}&client_id=ovsb-cli`],
  ['another type', 'text/plain', 'hello'],
  ['multipart', 'multipart/form-data; boundary=x', '--x\r\n\r\nhello\r\n--x--'],
  ['a charset that does not exist', `${JSON_TYPE}; charset=utf-99`, '{}'],
];

describe('Hostile input', () => {
  let authz: TestAuthorization;
  let pat: string;

  before(async () => {
    authz = await startAuthorization();
    await ensure(authz.server, 'open', 'x', ['read']);
    pat = await patOf(authz.issuer, OPERATOR);
  });
  after(() => authz.close());

  const counts = async () => {
    const tables = ['resource', 'uma_grant', 'rpt', 'persisted_claims', 'refresh_token', 'approval_request'];
    const rows = await Promise.all(
      tables.map((table) => authz.database.dataSource.query(`SELECT count(*) FROM ${table}`)),
    );
    return rows.map(([row]) => Number(row.count));
  };

  const endpoints = (): [string, string, Record<string, string>][] => [
    ['POST', '/token', {}],
    ['POST', '/token', { authorization: basic(CLIENT) }],
    ['POST', '/token', { authorization: 'Basic %%%' }],
    ['POST', '/revoke', {}],
    ['POST', '/revoke', { authorization: basic(CLIENT) }],
    ['POST', '/introspect', { authorization: `Bearer ${pat}` }],
    ['POST', '/permission', { authorization: `Bearer ${pat}` }],
    ['PUT', '/resources/%00', { authorization: `Bearer ${pat}` }],
    ['POST', '/claims', {}],
    ['POST', '/claims/message', {}],
    ['POST', '/requests/%ff/approve', {}],
  ];

  for (const [what, type, body] of BODIES) {
    it(`${what}: no endpoint answers 5xx, nothing is stored`, async () => {
      const before = await counts();
      for (const [method, path, headers] of endpoints()) {
        const answer = await raw(`${authz.issuer}${path}`, method, { 'content-type': type, ...headers }, body).catch(
          (fault: NodeJS.ErrnoException) => {
            // A server may hang up on a body that is far too big.
            expect(fault.code, `${method} ${path}`).to.be.oneOf(['ECONNRESET', 'EPIPE']);
            return { status: 413, headers: '', text: '' };
          },
        );
        expect(answer.status, `${method} ${path}: ${answer.text.slice(0, 200)}`).to.be.within(200, 499);
        expect(answer.text).to.not.match(/at \w+.*\(|node_modules|SELECT|INSERT/);
      }
      expect(await counts()).to.deep.equal(before);
    });
  }

  it('odd paths and queries', async () => {
    for (const path of [
      '/%',
      '/%00',
      '/resources/..%2f..%2f',
      '/resources/%c0%ae',
      '/claims?client_id=%00&ticket=%ff&claims_redirect_uri=%',
      '/claims?client_id=__proto__',
      '/claims/__proto__',
      '/claims/..%2fserver.ts',
      '/requests/__proto__/approve',
      `/claims?state=${'x'.repeat(8000)}`,
    ]) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const { status, text } = await raw(`${authz.issuer}${path}`, method, { authorization: `Bearer ${pat}` }, '');
        expect(status, `${method} ${path} ${text}`).to.be.within(200, 499);
      }
    }
  });

  it('odd credentials at a guarded path', async () => {
    const id = await ensure(authz.server, 'open', 'x', ['read']);
    const url = `${new URL(authz.issuer).origin}/guarded/${id}/read`;
    for (const authorization of [
      'Bearer ..',
      'Bearer a.b.c',
      'Bearer e30.e30.e30',
      'DPoP e30.e30.',
      'Basic Og==',
      'Basic =',
      'bearer',
      'UMA x',
      'Bearer eyJraWQiOiJ4In0.e30.e30',
    ]) {
      const answer = await raw(url, 'GET', { authorization, dpop: '{}' }, '');
      expect(answer.status, authorization).to.equal(401);
    }
    expect(ticketIn(await call(url))).to.be.a('string');
  });

  it('F.25: 100 requests at once from one address are served', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(`${authz.issuer}/jwks`)));
    expect(answers.every(({ status }) => status === 200)).to.equal(true);
  });

  it('the limit counts callers, not the proxy they all come through', async () => {
    const clientAddress = ({ headers }: IncomingMessage) => String(headers['x-caller']);
    const narrow = await startAuthorization({ requestsPerSecond: 5 }, undefined, { clientAddress });
    const from = async (caller: string) =>
      (await call(`${narrow.issuer}/jwks`, { headers: { 'x-caller': caller } })).status;
    const flood = await Promise.all(Array.from({ length: 40 }, () => from('flooder')));
    expect(flood).to.include(429);
    expect(await from('another')).to.equal(200);
    await narrow.close();
  });

  it('S.1: challenges on resources outside the issuer are bounded per address: 429, Retry-After and no row', async () => {
    const clientAddress = ({ headers }: IncomingMessage) => String(headers['x-caller']);
    const narrow = await startAuthorization({ requestsPerSecond: 1 }, undefined, { clientAddress });
    try {
      const id = await ensure(narrow.server, 'plan', 'p', ['read']);
      const from = (caller: string, more: Record<string, string> = {}) =>
        call(guardedUrl(narrow.issuer, id, 'read'), { headers: { 'x-caller': caller, ...more } });
      const rpt = await walletRpt(narrow.issuer, id, 'read');
      const countTickets = async (): Promise<number> =>
        (await narrow.database.dataSource.query('SELECT count(*)::int AS count FROM permission_ticket'))[0].count;
      const before = await countTickets();
      const flood = await Promise.all(
        Array.from({ length: 60 }, (_, index) => from('flooder', index % 2 ? {} : { authorization: 'Bearer x' })),
      );
      const challenged = flood.filter(({ status }) => status === 401);
      const refused = flood.filter(({ status }) => status === 429);
      expect(challenged.length + refused.length).to.equal(60);
      expect(refused.length).to.be.greaterThan(0);
      expect(refused[0]?.headers.get('retry-after')).to.equal('1');
      expect(await countTickets()).to.equal(before + challenged.length);
      expect((await from('another')).status).to.equal(401);
      const { authorization = '' } = (bearerOf(rpt).headers ?? {}) as Record<string, string>;
      expect((await from('flooder', { authorization })).status, 'whoever has an RPT is served').to.equal(200);
    } finally {
      await narrow.close();
    }
  });

  it('a client over the limit gets 429 and Retry-After', async () => {
    const narrow = await startAuthorization({ requestsPerSecond: 5 });
    try {
      const answers = await Promise.all(Array.from({ length: 40 }, () => call(`${narrow.issuer}/jwks`)));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).to.be.within(10, 25);
      expect(refused[0]?.headers.get('retry-after')).to.equal('1');
    } finally {
      await narrow.close();
    }
  });
});
