import { expect } from 'chai';
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
    const again = await poll(submitted);
    await decide((await mine()).id, 'approve');
    await lapse();
    expect((await poll(again)).body.error).to.equal('request_submitted');
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
