import { expect } from 'chai';
import { until } from '../support/until.js';
import {
  type Answer,
  bearerOf,
  CLI,
  call,
  ensure,
  guardedUrl,
  jsonCall,
  OPERATOR,
  present,
  standardRule,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  WALLET,
  walletClaim,
  walletRpt,
} from './support.js';

describe('Requests that wait for the operator', () => {
  let authz: TestAuthorization;
  let resource: string;
  let operatorRpt: string;
  let keys = 0;

  before(async () => {
    authz = await startAuthorization();
    const rpt = await present(authz.issuer, OPERATOR, ticketIn(await call(`${authz.issuer}/requests`)));
    operatorRpt = rpt.body.access_token;
  });
  beforeEach(async () => {
    keys += 1;
    resource = await ensure(authz.server, 'waiting', `validator-prysm/geth-${keys}`, ['instance:create']);
  });
  after(() => authz.close());

  const requests = async () => (await jsonCall(`${authz.issuer}/requests`, 'GET', operatorRpt)).body.requests;
  const mine = async () =>
    (await requests()).find((request: { resource: { id: string } }) => request.resource.id === resource);
  const decide = (id: string, verb: 'approve' | 'deny', body?: unknown) =>
    jsonCall(`${authz.issuer}/requests/${id}/${verb}`, 'POST', operatorRpt, body);
  const submit = () => walletRpt(authz.issuer, resource, 'instance:create');
  const poll = (answer: Answer) => present(authz.issuer, CLI, answer.body.ticket);
  const subject = async (rpt: Answer) =>
    (await call(guardedUrl(authz.issuer, resource, 'instance:create'), bearerOf(rpt))).body;
  const decideFor = async (rpt: Answer, digest?: string) =>
    authz.server.guard.decide(await subject(rpt), {
      resourceId: resource,
      scope: 'instance:create',
      ...(digest !== undefined && { digest }),
    });

  it('E.5, F.10, F.11: request_submitted 403 with a new ticket, an interval and the reason; polls need no new claim', async () => {
    const submitted = await submit();
    expect(submitted.status, submitted.text).to.equal(403);
    expect(submitted.body).to.include({ error: 'request_submitted', interval: 2 });
    expect(submitted.body.error_description).to.include('the test says owner_approval');
    const again = await poll(submitted);
    expect(again.body.error).to.equal('request_submitted');
    expect(again.body.ticket).to.not.equal(submitted.body.ticket);
    const shown = await mine();
    expect(shown).to.include({ party: `eip155:31337:${WALLET.address.toLowerCase()}`, state: 'pending' });
    expect(shown).to.include.keys('id', 'resource', 'scopes', 'reason', 'created_at', 'expires_at');
    expect((await decide(shown.id, 'approve')).body.state).to.equal('approved');
    expect((await poll(again)).status).to.equal(200);
  });

  it('E.4, F.11: denied: request_denied with the operator’s reason', async () => {
    const submitted = await submit();
    expect((await decide((await mine()).id, 'deny', { reason: 'too much Prysm' })).status).to.equal(200);
    const answer = await poll(submitted);
    expect(answer.body.error).to.equal('request_denied');
    expect(answer.body.error_description).to.include('too much Prysm');
  });

  it('F.12, F.28: the decision log says which approval was honoured, and who gave it', async () => {
    const submitted = await submit();
    const { id } = await mine();
    await decide(id, 'approve');
    expect((await poll(submitted)).status).to.equal(200);
    const recorded = authz.decisions.filter((decision) => decision.resource.id === resource);
    expect(recorded.map(({ outcome }) => outcome)).to.deep.equal(['owner_approval', 'owner_approval', 'permit']);
    expect(recorded[2]?.reason).to.match(new RegExp(`^approved by client:operator \\(request ${id}\\): `));
  });

  describe('B4: of one grant, what was approved and what was not', () => {
    /** An RPT with `resource` approved and `plain` permitted, in one grant. */
    const grant = async (plain: string) => {
      const submitted = await submit();
      await decide((await mine()).id, 'approve');
      const rpt = await poll(submitted);
      const ticket = ticketIn(await call(guardedUrl(authz.issuer, plain, 'read')));
      const claim = await walletClaim(authz.issuer, ticket);
      const upgraded = await present(authz.issuer, CLI, ticket, { ...claim, rpt: rpt.body.access_token });
      expect(upgraded.body.upgraded, upgraded.text).to.equal(true);
      return upgraded;
    };
    const use = async (rpt: Answer, id: string, scope: string) =>
      (await call(guardedUrl(authz.issuer, id, scope), bearerOf(rpt))).status;
    afterEach(() => authz.policies.change(standardRule));

    it('an upgrade without a new approval keeps what was approved, over a policy change', async () => {
      const plain = await ensure(authz.server, 'plan', `plain-${keys}`, ['read']);
      const rpt = await grant(plain);
      authz.policies.change((request) => standardRule(request));
      await until('every grant to be asked about', 10_000, async () => {
        const [{ count }] = await authz.database.dataSource.query(
          'SELECT count(*)::int AS count FROM uma_grant WHERE policy_set <> $1 AND revoked_at IS NULL',
          [authz.policies.hash()],
        );
        return count === 0 || undefined;
      });
      expect(await use(rpt, resource, 'instance:create')).to.equal(200);
      expect(await use(rpt, plain, 'read')).to.equal(200);
    });

    it('what was permitted and now needs approval is not covered by the approval of another resource', async () => {
      const plain = await ensure(authz.server, 'plan', `plain-${keys}`, ['read']);
      const rpt = await grant(plain);
      authz.policies.change((request) =>
        request.resource.key === `plain-${keys}` ? 'owner_approval' : standardRule(request),
      );
      await until('the grant to end', 10_000, async () => (await use(rpt, plain, 'read')) === 401 || undefined);
    });
  });

  it('one request is filed, however often it is asked', async () => {
    await Promise.all([submit(), submit(), submit()]);
    expect(
      (await requests()).filter((request: { resource: { id: string } }) => request.resource.id === resource),
    ).to.have.length(1);
  });

  it('a request is decided once: 409 after that, 404 for an unknown one, 400 for a bad body', async () => {
    await submit();
    const { id } = await mine();
    expect((await decide(id, 'approve', { reason: 1 })).status).to.equal(400);
    expect((await decide(id, 'approve')).status).to.equal(200);
    expect((await decide(id, 'deny')).status).to.equal(409);
    expect((await decide('00000000-0000-4000-8000-000000000000', 'approve')).status).to.equal(404);
    expect((await decide('x', 'approve')).status).to.equal(404);
  });

  it('F.11, F.13: is the operator’s alone; without a credential the UMA 401', async () => {
    for (const [method, path] of [
      ['GET', '/requests'],
      ['POST', '/requests/x/approve'],
      ['POST', '/requests/x/deny'],
    ] as const) {
      const answer = await call(`${authz.issuer}${path}`, { method });
      expect(answer.status).to.equal(401);
      const ticket = ticketIn(answer);
      const wallet = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
      expect(wallet.body.error).to.equal('request_denied');
    }
  });

  it('an approval lapses', async () => {
    const submitted = await submit();
    const lapse = () => authz.database.dataSource.query('UPDATE approval_request SET expires_at = now()');
    await lapse();
    const lapsed = await mine();
    expect(lapsed.state).to.equal('expired');
    expect((await decide(lapsed.id, 'approve')).status).to.equal(409);
    const told = await poll(submitted);
    expect(told.body.error).to.equal('request_denied');
    expect(told.body.error_description).to.include('expired before the owner decided');
    const again = await submit();
    expect(again.body.error).to.equal('request_submitted');
    expect((await mine()).id).to.not.equal(lapsed.id);
    await decide((await mine()).id, 'approve');
    await lapse();
    expect((await poll(again)).body.error).to.equal('request_submitted');
  });

  describe('bounds of the queue', () => {
    /** Requests of others, straight into the table: they would take as many wallets. */
    const fill = (count: number, party: string, expires = '1 hour') =>
      authz.database.dataSource.query(
        `INSERT INTO approval_request
           (id, party, client_id, owner, resource_id, resource, scopes, digest, reason, policies, state, created_at, expires_at)
         SELECT gen_random_uuid(), $2, 'filler', 'operator', 'r' || n, '{}', '{x}', '', 'r', '{}', 'pending', now(), now() + $3::interval
         FROM generate_series(1, $1) n`,
        [count, party, expires],
      );
    const empty = () => authz.database.dataSource.query('DELETE FROM approval_request');
    const party = `eip155:31337:${WALLET.address.toLowerCase()}`;
    const waiting = async (): Promise<number> => {
      const [{ count }] = await authz.database.dataSource.query(
        'SELECT count(*)::int AS count FROM approval_request WHERE party = $1',
        [party],
      );
      return count;
    };
    beforeEach(empty);
    after(empty);

    it('E.4: a party with 50 requests that wait is refused another, and nothing is filed; those that wait go on', async () => {
      const first = await submit();
      await fill(49, party);
      resource = await ensure(authz.server, 'waiting', 'one-too-many', ['instance:create']);
      const refused = await submit();
      expect(refused.status).to.equal(403);
      expect(refused.body.error).to.equal('request_denied');
      expect(refused.body.error_description).to.include('50 requests of this party wait');
      expect(await waiting()).to.equal(50);
      expect((await poll(first)).body.error).to.equal('request_submitted');
    });

    it('E.4: 2000 in all refuse one more, whoever asks; what has expired does not count', async () => {
      await fill(2000, 'client:others');
      const refused = await submit();
      expect(refused.body.error).to.equal('request_denied');
      expect(refused.body.error_description).to.include('ask again later');
      expect(await waiting()).to.equal(0);
      await empty();
      await fill(2000, 'client:others', '-1 minute');
      expect((await submit()).body.error).to.equal('request_submitted');
    });

    it('E.5: of 10 at once for the last 3 places 3 are filed', async () => {
      await fill(47, party);
      const ids = await Promise.all(
        Array.from({ length: 10 }, (_, index) => ensure(authz.server, 'waiting', `race-${index}`, ['instance:create'])),
      );
      const answers = await Promise.all(ids.map((id) => walletRpt(authz.issuer, id, 'instance:create')));
      const errors = answers.map(({ body }) => body.error as string).sort();
      expect(errors).to.deep.equal([
        ...Array<string>(7).fill('request_denied'),
        ...Array<string>(3).fill('request_submitted'),
      ]);
      expect(await waiting()).to.equal(50);
    });

    it('B1: the guard refuses likewise, and says why', async () => {
      await submit();
      await decide((await mine()).id, 'approve');
      const rpt = await walletRpt(authz.issuer, resource, 'instance:create');
      expect((await decideFor(rpt, 'digest-1')).outcome).to.equal('permit');
      await fill(50, party);
      const decision = await decideFor(rpt, 'digest-2');
      expect(decision.outcome).to.equal('deny');
      expect(decision.reason).to.include('50 requests of this party wait');
    });

    it('a ticket for more scopes than there is room for files none of them', async () => {
      const id = await ensure(authz.server, 'waiting', 'two', ['instance:create', 'update']);
      await fill(49, party);
      const { ticket } = await authz.server.guard.challenge([
        { resourceId: id, scopes: ['instance:create', 'update'] },
      ]);
      const refused = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
      expect(refused.body.error).to.equal('request_denied');
      expect(await waiting()).to.equal(49);
    });
  });

  describe('the list', () => {
    const page = (query: string) => jsonCall(`${authz.issuer}/requests${query}`, 'GET', operatorRpt);
    const idsOf = ({ body }: Answer) => body.requests.map(({ id }: { id: string }) => id);

    before(() => authz.database.dataSource.query('DELETE FROM approval_request'));

    it('F.11: pages by limit and before, newest first, each request once', async () => {
      for (const key of ['a', 'b', 'c', 'd', 'e'])
        await walletRpt(
          authz.issuer,
          await ensure(authz.server, 'waiting', `page-${key}`, ['instance:create']),
          'instance:create',
        );
      const all = idsOf(await page(''));
      expect(all).to.have.length(5);
      const first = idsOf(await page('?limit=2'));
      const second = idsOf(await page(`?limit=2&before=${first[1]}`));
      const third = idsOf(await page(`?limit=2&before=${second[1]}`));
      expect([...first, ...second, ...third]).to.deep.equal(all);
    });

    it('F.11: filters by state as it is shown', async () => {
      const [approved, denied, expired, ...rest] = idsOf(await page('?state=pending'));
      await decide(approved, 'approve');
      await decide(denied, 'deny');
      await authz.database.dataSource.query('UPDATE approval_request SET expires_at = now() WHERE id = $1', [expired]);
      expect(idsOf(await page('?state=approved'))).to.deep.equal([approved]);
      expect(idsOf(await page('?state=denied'))).to.deep.equal([denied]);
      expect(idsOf(await page('?state=expired'))).to.deep.equal([expired]);
      expect(idsOf(await page('?state=used'))).to.deep.equal([]);
      expect(idsOf(await page('?state=pending'))).to.deep.equal(rest);
    });

    for (const query of [
      '?state=open',
      '?limit=0',
      '?limit=501',
      '?limit=x',
      '?before=x',
      '?before=00000000-0000-4000-8000-000000000000',
      '?limit=1&limit=2',
      '?page=2',
    ])
      it(`F.21: ${query}: 400 invalid_request`, async () => {
        const answer = await page(query);
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('invalid_request');
      });
  });

  it('B1, F.12: an approval is for one party, one resource and one digest; a repeat of the same request is honoured', async () => {
    const submitted = await submit();
    await decide((await mine()).id, 'approve');
    const rpt = await poll(submitted);
    expect((await decideFor(rpt, 'digest-1')).outcome).to.equal('permit');
    expect((await decideFor(rpt, 'digest-1')).outcome).to.equal('permit');
    expect((await decideFor(rpt, 'digest-2')).outcome).to.equal('owner_approval');
    const filed = (await requests()).find(
      (request: { resource: { id: string }; state: string }) =>
        request.resource.id === resource && request.state === 'pending',
    );
    await decide(filed.id, 'approve');
    expect((await decideFor(rpt, 'digest-2')).outcome).to.equal('permit');
    expect((await decideFor(rpt, 'digest-3')).outcome).to.equal('owner_approval');
  });

  it('B1: used at most once in parallel', async () => {
    const submitted = await submit();
    await decide((await mine()).id, 'approve');
    const rpt = await poll(submitted);
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) => decideFor(rpt, `parallel-${index}`)));
    expect(outcomes.filter(({ outcome }) => outcome === 'permit')).to.have.length(1);
  });
});
