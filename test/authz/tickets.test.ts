import { expect } from 'chai';
import {
  type Answer,
  CLI,
  CLIENT,
  call,
  ensure,
  guardedUrl,
  OPERATOR,
  patOf,
  present,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  walletClaim,
  walletRpt,
} from './support.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

describe('Tickets, and how long what they lead to lives', () => {
  let authz: TestAuthorization;
  const ids: Record<string, string> = {};

  before(async () => {
    authz = await startAuthorization();
    for (const type of ['plan', 'open', 'closed', 'waiting'])
      ids[type] = await ensure(authz.server, type, 'x', ['read']);
  });
  afterEach(() => {
    authz.skewMs = 0;
  });
  after(() => authz.close());

  const challenge = async (type = 'plan') => ticketIn(await call(guardedUrl(authz.issuer, ids[type] ?? '', 'read')));
  const later = async <T>(ms: number, act: () => Promise<T>): Promise<T> => {
    authz.skewMs = ms;
    const done = await act();
    authz.skewMs = 0;
    return done;
  };

  it('M.1: 32 random bytes each; the database holds digests alone', async () => {
    const tickets = await Promise.all(Array.from({ length: 50 }, () => challenge()));
    expect(new Set(tickets).size).to.equal(50);
    for (const ticket of tickets) expect(ticket).to.match(/^[\w-]{43}$/);
    const rows = JSON.stringify(
      await authz.database.dataSource.query('SELECT row_to_json(t) FROM permission_ticket t'),
    );
    for (const ticket of tickets) {
      expect(rows).to.not.include(ticket);
      expect(rows).to.not.include(Buffer.from(ticket, 'base64url').toString('hex'));
    }
  });

  const outcomes: Record<string, { type: string; error?: string; more?: (ticket: string) => Promise<object> }> = {
    granted: { type: 'open' },
    need_info: { type: 'plan', error: 'need_info' },
    request_denied: { type: 'closed', error: 'request_denied' },
    request_submitted: {
      type: 'waiting',
      error: 'request_submitted',
      more: (ticket) => walletClaim(authz.issuer, ticket),
    },
    invalid_scope: { type: 'open', error: 'invalid_scope', more: async () => ({ scope: 'fly' }) },
    'a forged claim token': {
      type: 'plan',
      error: 'invalid_grant',
      more: (ticket) => walletClaim(authz.issuer, ticket, { domain: 'evil.example' }),
    },
    'a claim token of no known format': {
      type: 'plan',
      error: 'need_info',
      more: async () => ({ claim_token: 'x', claim_token_format: 'urn:unknown' }),
    },
  };
  for (const [what, { type, error, more }] of Object.entries(outcomes)) {
    it(`M.2, M.4: ${what}: the ticket is spent; where it goes on there is another`, async () => {
      const ticket = await challenge(type);
      const form = { ...(await more?.(ticket)) } as Record<string, string>;
      const answer = await present(authz.issuer, CLI, ticket, form);
      expect(answer.body.error, answer.text).to.equal(error);
      const goesOn = error === 'need_info' || error === 'request_submitted';
      if (goesOn)
        expect(answer.body.ticket)
          .to.match(/^[\w-]{43}$/)
          .and.not.equal(ticket);
      else expect(answer.body).to.not.have.property('ticket');
      expect((await present(authz.issuer, CLI, ticket, form)).body.error).to.equal('invalid_grant');
    });
  }

  it('T.5: no-store on every JSON of the token endpoint, whatever comes of it', async () => {
    const answers: Answer[] = [
      await present(authz.issuer, CLI, await challenge('open')),
      await present(authz.issuer, CLI, await challenge('closed')),
      await present(authz.issuer, CLI, await challenge('plan')),
      await present(authz.issuer, CLI, 'unknown'),
      await token(authz.issuer, OPERATOR, { grant_type: 'client_credentials', scope: 'uma_protection' }),
    ];
    for (const { headers, text } of answers) expect(headers.get('cache-control'), text).to.equal('no-store');
  });

  for (const [what, changes] of Object.entries({
    'that never expires': { expirationMs: 'none' as const },
    'that expires in more than five minutes': { expirationMs: Date.now() + 30 * MINUTE_MS },
    'whose not-before is ahead': { notBeforeMs: Date.now() + 30 * MINUTE_MS },
  })) {
    it(`F.6: a message ${what}: need_info with a new ticket`, async () => {
      const ticket = await challenge();
      const answer = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket, changes));
      expect(answer.status, answer.text).to.equal(403);
      expect(answer.body.error).to.equal('need_info');
      expect(answer.body.ticket).to.be.a('string');
    });
  }

  it('F.6: a not-before that has passed is no obstacle', async () => {
    const ticket = await challenge();
    const claim = await walletClaim(authz.issuer, ticket, { notBeforeMs: Date.now() - MINUTE_MS });
    expect((await present(authz.issuer, CLI, ticket, claim)).status).to.equal(200);
  });

  it('F.24: a ticket lives 5 minutes', async () => {
    const [early, late] = [await challenge('open'), await challenge('open')];
    expect((await later(4 * MINUTE_MS, () => present(authz.issuer, CLI, early))).status).to.equal(200);
    const { body } = await later(5 * MINUTE_MS + 1, () => present(authz.issuer, CLI, late));
    expect(body.error).to.equal('invalid_grant');
  });

  it('F.24: an RPT lives 15 minutes, a PAT 1 hour', async () => {
    const rpt = await present(authz.issuer, CLI, await challenge('open'));
    expect(rpt.body.expires_in).to.equal(15 * 60);
    const use = () =>
      call(guardedUrl(authz.issuer, ids.open ?? '', 'read'), {
        headers: { authorization: `Bearer ${rpt.body.access_token}` },
      });
    expect((await later(14 * MINUTE_MS, use)).status).to.equal(200);
    expect((await later(15 * MINUTE_MS, use)).status).to.equal(401);
    const pat = await token(authz.issuer, OPERATOR, { grant_type: 'client_credentials', scope: 'uma_protection' });
    expect(pat.body.expires_in).to.equal(3600);
    const list = async (bearer: string) =>
      (await call(`${authz.issuer}/resources`, { headers: { authorization: `Bearer ${bearer}` } })).status;
    expect(await later(59 * MINUTE_MS, () => list(pat.body.access_token))).to.equal(200);
    expect(await later(61 * MINUTE_MS, () => list(pat.body.access_token))).to.equal(401);
    expect(await list(await patOf(authz.issuer, OPERATOR))).to.equal(200);
  });

  it('F.24: a refresh token lives 8 hours', async () => {
    const { body } = await present(authz.issuer, CLIENT, await challenge('open'));
    const refresh = () =>
      token(authz.issuer, CLIENT, { grant_type: 'refresh_token', refresh_token: body.refresh_token as string });
    expect((await later(8 * HOUR_MS - MINUTE_MS, refresh)).status).to.equal(200);
    expect((await later(8 * HOUR_MS + 1, refresh)).body.error).to.equal('invalid_grant');
  });

  it('F.24: a PCT lives 30 days', async () => {
    const { pct } = (await walletRpt(authz.issuer, ids.plan ?? '', 'read')).body as { pct: string };
    const use = async () => present(authz.issuer, CLI, await challenge(), { pct });
    expect((await later(30 * DAY_MS - MINUTE_MS, use)).status).to.equal(200);
    expect((await later(30 * DAY_MS + 1, use)).body.error).to.equal('need_info');
  });
});
