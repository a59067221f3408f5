import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import { raw } from './raw-call.js';
import {
  basic,
  bearerOf,
  CLIENT,
  call,
  ensure,
  guardedUrl,
  OPERATOR,
  PLATFORM,
  patOf,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  UMA,
  walletClaim,
  walletRpt,
} from './support.js';

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PROPFIND'];
/** Stands in whatever the caller keeps secret: it must come back nowhere. */
const MARKER = 'mArKeR-of-a-secret';
const RUNS = 40;

/** Everything but tickets and, for live tickets, what their presentation records. */
const TABLES = [
  'oauth_record',
  'signing_key',
  'resource',
  'uma_grant',
  'rpt',
  'refresh_token',
  'persisted_claims',
  'approval_request',
  'revocation',
  'policy_decision',
];

const FIELDS = {
  form: [
    'grant_type',
    'ticket',
    'claim_token',
    'claim_token_format',
    'pct',
    'rpt',
    'scope',
    'client_id',
    'client_secret',
    'refresh_token',
    'token',
    'token_type_hint',
    'address',
    'csrf',
    'action',
    'message',
    'signature',
    'persist',
    'state',
    'claims_redirect_uri',
  ],
  json: [
    'resource_scopes',
    'name',
    'name#ja',
    'description',
    'icon_uri',
    'type',
    'resource_id',
    'client_name',
    'client_uri',
    'contacts',
    'grant_types',
    'response_types',
    'redirect_uris',
    'claims_redirect_uris',
    'token_endpoint_auth_method',
    'scope',
    'reason',
  ],
  query: [
    'client_id',
    'ticket',
    'claims_redirect_uri',
    'state',
    'code',
    'party',
    'since',
    'before',
    'limit',
    'outcome',
  ],
};
const SECRET_FIELDS = [
  'ticket',
  'claim_token',
  'pct',
  'rpt',
  'client_secret',
  'refresh_token',
  'token',
  'csrf',
  'code',
];
const PROTOTYPE_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__proto__[x]', ''];

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string(),
  fc.constantFrom(
    ...[
      '',
      '\0',
      'a\0b',
      '\ud800',
      '\udfff\ud800',
      '__proto__',
      'constructor',
      '../../etc/passwd',
      '<script>x</script>',
    ],
    ...["' OR 1=1 --", '\r\nSet-Cookie: a=b', '\u202e\u{1f4a9}', 'x'.repeat(9_000), '1e999', '-1', UMA],
    ...['client_credentials', 'refresh_token', 'eyJhbGciOiJub25lIn0.e30.', 'ovsb-cli', 'operator'],
  ),
);
const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
const json = fc.oneof(fc.jsonValue(), text, fc.array(text, { maxLength: 4 }), fc.constantFrom(1e308, -0, deep(500)));

/** With duplicate names and prototype keys, which JSON.stringify could not write. */
const jsonText = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...FIELDS.json) },
        { weight: 1, arbitrary: fc.constantFrom(...PROTOTYPE_KEYS) },
      ),
      json,
    ),
    { maxLength: 6 },
  )
  .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`);
const percent = (value: string) =>
  [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const pairs = (names: readonly string[]) =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom(...names, ...PROTOTYPE_KEYS),
        fc.oneof(text.map(percent), fc.constantFrom('%', '%zz', '%ed%a0%80', '%00', '+')),
      ),
      { maxLength: 7 },
    )
    .map((members) =>
      members
        .map(([name, value]) => `${percent(name)}=${SECRET_FIELDS.includes(name) ? MARKER : ''}${value}`)
        .join('&'),
    );

const body = fc.oneof(
  fc.record({ type: fc.constant(JSON_TYPE), text: jsonText.map((value) => Buffer.from(value)) }),
  fc.record({ type: fc.constant(FORM_TYPE), text: pairs(FIELDS.form).map((value) => Buffer.from(value)) }),
  fc.record({
    type: fc.constantFrom(
      JSON_TYPE,
      FORM_TYPE,
      'text/plain',
      'multipart/form-data',
      `${JSON_TYPE}; charset=utf-99`,
      'x',
      '',
    ),
    text: fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      json.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
      fc
        .constantFrom('{', '[', 'null', '[[]]', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'x'.repeat(70_000))
        .map((value) => Buffer.from(value)),
    ),
  }),
);
const headers = fc.dictionary(
  fc.constantFrom(
    'accept',
    'dpop',
    'cookie',
    'origin',
    'content-encoding',
    'x-forwarded-for',
    'accept-language',
    'if-none-match',
  ),
  fc.constantFrom(
    '',
    'text/html',
    'application/x-ndjson',
    'null',
    'gzip',
    'a.b.c',
    '__proto__',
    `ovsb_claims=${'x'.repeat(43)}`,
    'x'.repeat(9_000),
    '{"__proto__":1}',
  ),
  { maxKeys: 3 },
);

describe('Hostile input, generated: every endpoint below /authz', () => {
  let authz: TestAuthorization;
  const logged: string[] = [];
  const credentials: Record<string, string> = {};
  const ids: Record<string, string> = {};
  /** Parameters that take a request past the first checks of its path. */
  const known: Record<string, string> = {};
  const secrets: string[] = [MARKER, OPERATOR.clientSecret, CLIENT.clientSecret, PLATFORM.password];

  before(async () => {
    const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
    authz = await startAuthorization({ requestsPerSecond: 1e9 }, undefined, { recorded: true, logger });
    for (const type of ['open', 'plan', 'waiting']) ids[type] = await ensure(authz.server, type, 'x', ['read']);
    const owner = await register(authz.issuer, { claims_redirect_uris: ['https://dapp.example/back'] });
    const operatorRpt = await present(authz.issuer, OPERATOR, ticketIn(await call(`${authz.issuer}/requests`)));
    const policiesRpt = await present(authz.issuer, OPERATOR, ticketIn(await call(`${authz.issuer}/decisions`)));
    const rotation = await call(`${authz.issuer}/keys/rotate`, { method: 'POST' });
    const keysRpt = await present(authz.issuer, OPERATOR, ticketIn(rotation));
    const pat = await patOf(authz.issuer, owner);
    const wallet = await walletRpt(authz.issuer, ids.plan ?? '', 'read');
    known['/claims'] = `client_id=${owner.clientId}&claims_redirect_uri=${percent('https://dapp.example/back')}`;
    known['/token'] = `grant_type=${UMA}&client_id=ovsb-cli`;
    known['/revoke'] = 'client_id=ovsb-cli';
    Object.assign(credentials, {
      none: '',
      pat: `Bearer ${pat}`,
      operatorPat: `Bearer ${await patOf(authz.issuer, OPERATOR)}`,
      client: basic(CLIENT),
      owner: basic(owner),
      queue: `Bearer ${operatorRpt.body.access_token}`,
      log: `Bearer ${policiesRpt.body.access_token}`,
      keys: `Bearer ${keysRpt.body.access_token}`,
      wallet: `Bearer ${wallet.body.access_token}`,
      broken: 'Bearer ..',
      odd: `Basic ${Buffer.from(`${MARKER}\0:\ud800`).toString('base64')}`,
      marked: `Bearer ${MARKER}`,
    });
    secrets.push(owner.clientSecret, pat, wallet.body.access_token, wallet.body.refresh_token, wallet.body.pct);
  });
  after(() => authz.close());

  const digest = async (tables = TABLES) => {
    const parts = tables.map(
      (table) => `(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM ${table} t) AS ${table}`,
    );
    const [row] = (await authz.database.dataSource.query(`SELECT ${parts.join()}`)) as Record<string, string>[];
    return row;
  };
  const expectSilence = (words: string, where: string) => {
    for (const secret of secrets)
      expect(words.includes(secret), `${where}: a secret in ${words.slice(0, 300)}`).to.equal(false);
  };

  /** An answer, never a 5xx; where it is a refusal, nothing has changed; and nowhere a secret. */
  const meets = async (method: string, path: string, more: Record<string, string>, bytes: Buffer) => {
    const before = await digest();
    logged.length = 0;
    const sent = { ...more, ...(more['content-type'] === '' && { 'content-type': 'x' }) };
    const answer = await raw(`${authz.issuer}${path}`, method, sent, bytes).catch((fault: NodeJS.ErrnoException) => {
      // A server may hang up on what is far too big.
      expect(fault.code, `${method} ${path}`).to.be.oneOf(['ECONNRESET', 'EPIPE', 'HPE_INVALID_CONSTANT']);
      return { status: 413, headers: '', text: '' };
    });
    const where = `${method} ${path.slice(0, 200)} ${answer.status} ${answer.text.slice(0, 200)}`;
    expect(answer.status, where).to.be.within(200, 499);
    if (answer.status >= 400) expect(await digest(), where).to.deep.equal(before);
    if (answer.status >= 400) expectSilence(answer.headers + answer.text, where);
    expect(answer.text, where).to.not.match(/\bat \w+.*\(.*:\d+:\d+\)|node_modules|SELECT |INSERT /);
    expectSilence(logged.join(''), 'logs');
  };

  /** Paths with `:id`, the endpoint's own method, and who may use it. */
  const endpoints: readonly (readonly [method: string, path: string, credentials: readonly string[]])[] = [
    ['GET', '/.well-known/uma2-configuration', ['none']],
    ['GET', '/.well-known/openid-configuration', ['none']],
    ['GET', '/jwks', ['none']],
    ['POST', '/token', ['none', 'client', 'owner']],
    ['POST', '/register', ['none', 'marked']],
    ['POST', '/introspect', ['pat', 'operatorPat']],
    ['POST', '/revoke', ['none', 'client', 'owner']],
    ['POST', '/permission', ['pat', 'operatorPat']],
    ['GET', '/resources', ['pat']],
    ['POST', '/resources', ['pat']],
    ['GET', '/resources/:id', ['pat', 'operatorPat']],
    ['PUT', '/resources/:id', ['pat', 'operatorPat']],
    ['DELETE', '/resources/:id', ['pat', 'operatorPat']],
    ['GET', '/claims', ['none']],
    ['POST', '/claims', ['none']],
    ['POST', '/claims/message', ['none']],
    ['GET', '/claims/callback', ['none']],
    ['GET', '/claims/:id', ['none']],
    ['GET', '/requests', ['queue']],
    ['POST', '/requests/:id/approve', ['queue', 'wallet']],
    ['POST', '/requests/:id/deny', ['queue', 'wallet']],
    ['GET', '/decisions', ['log']],
    ['POST', '/keys/rotate', ['keys', 'wallet']],
  ];
  for (const [method, path, users] of endpoints) {
    it(`${method} ${path}`, async () => {
      const strange = fc.record({
        method: fc.oneof(
          { weight: 5, arbitrary: fc.constant(method) },
          { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
        ),
        user: fc.oneof(
          { weight: 5, arbitrary: fc.constantFrom(...users) },
          {
            weight: 1,
            arbitrary: fc.constantFrom('none', 'broken', 'odd', 'marked', 'wallet', 'client', 'pat', 'queue'),
          },
        ),
        id: fc.oneof(
          text.map(percent),
          fc.constantFrom('%', '%c0%ae', '..%2f..', ids.open ?? '', '00000000-0000-4000-8000-000000000000'),
        ),
        query: fc.oneof(fc.constant(''), pairs(FIELDS.query)),
        begun: fc.boolean(),
        headers,
        body,
      });
      await fc.assert(
        fc.asyncProperty(strange, async (one) => {
          const authorization = credentials[one.user] ?? '';
          const target = path.replace(':id', one.id.slice(0, 9_000));
          const begun = one.begun ? (known[path] ?? '') : '';
          const query = [begun, one.query].filter((part) => part !== '').join('&');
          const form = one.body.type === FORM_TYPE && begun !== '' ? [Buffer.from(`${begun}&`)] : [];
          await meets(
            one.method,
            query === '' ? target : `${target}?${query.slice(0, 12_000)}`,
            { ...one.headers, 'content-type': one.body.type, ...(authorization !== '' && { authorization }) },
            Buffer.concat([...form, one.body.text]),
          );
        }),
        { numRuns: RUNS },
      );
    });
  }

  it('a live ticket with anything beside it: it is spent, and grants nothing that the policies do not', async () => {
    const beside = fc.dictionary(fc.constantFrom('claim_token', 'claim_token_format', 'pct', 'rpt', 'scope'), text, {
      maxKeys: 4,
    });
    const tables = TABLES.filter((table) => table !== 'policy_decision');
    await fc.assert(
      fc.asyncProperty(beside, fc.boolean(), async (form, claimed) => {
        const before = await digest(tables);
        const ticket = ticketIn(await call(guardedUrl(authz.issuer, ids.plan ?? '', 'read')));
        const claim = claimed ? await walletClaim(authz.issuer, ticket) : {};
        const answer = await present(authz.issuer, CLIENT, ticket, { ...claim, ...form } as Record<string, string>);
        expect(answer.status, answer.text).to.be.oneOf(claimed ? [200, 400, 403] : [400, 403]);
        if (answer.status === 200)
          expect((await call(guardedUrl(authz.issuer, ids.plan ?? '', 'read'), bearerOf(answer))).status).to.equal(200);
        else expect(await digest(tables)).to.deep.equal(before);
      }),
      { numRuns: RUNS },
    );
  });

  it('what is too large has a limit with a name: body 413, header 431, path 4xx', async () => {
    const pat = { authorization: credentials.pat ?? '', 'content-type': JSON_TYPE };
    const huge = await raw(`${authz.issuer}/resources`, 'POST', pat, `{"resource_scopes":["${'x'.repeat(70_000)}"]}`);
    expect(huge.status).to.equal(413);
    expect((await raw(`${authz.issuer}/jwks`, 'GET', { dpop: 'x'.repeat(40_000) }, '')).status).to.equal(431);
    expect((await raw(`${authz.issuer}/resources/${'x'.repeat(9_000)}`, 'GET', pat, '')).status).to.equal(404);
  });
});
