import { expect } from 'chai';
import type { Revocation } from '../../authz/index.js';
import {
  type Answer,
  basic,
  bearerOf,
  CLI,
  CLIENT,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  patOf,
  present,
  register,
  standardRule,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  walletRpt,
} from './support.js';

describe('Revocation', () => {
  let authz: TestAuthorization;
  /** Another replica on the same database. */
  let replica: TestAuthorization;
  let plan: string;

  before(async () => {
    authz = await startAuthorization();
    replica = await startAuthorization({}, authz);
    plan = await ensure(authz.server, 'plan', 'a', ['instance:create', 'read']);
  });
  after(async () => {
    await replica.close();
    await authz.close();
  });

  const revoke = (client: Credentials, form: Record<string, string>) =>
    call(`${authz.issuer}/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ ...(client.clientSecret === undefined && { client_id: client.clientId }), ...form }),
      headers: client.clientSecret === undefined ? {} : { authorization: basic(client) },
    });
  const use = (at: TestAuthorization, rpt: Answer) =>
    call(guardedUrl(at.issuer, plan, 'instance:create'), bearerOf(rpt));
  const heard = async (revocations: Revocation[], count = 1) => {
    for (let waited = 0; revocations.length < count && waited < 1000; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return revocations;
  };

  it('V.1, V.4: an RPT, at every replica at once', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    expect((await use(replica, rpt)).status).to.equal(200);
    const revocations: Revocation[] = [];
    const stop = replica.server.onRevocation((revocation) => revocations.push(revocation));
    expect((await revoke(CLI, { token: rpt.body.access_token })).status).to.equal(200);
    for (const at of [authz, replica]) expect((await use(at, rpt)).status).to.equal(401);
    expect((await heard(revocations))[0]).to.include({ kind: 'token' });
    stop();
  });

  it('V.2: a refresh token, with its grant’s RPTs', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    expect((await revoke(CLI, { token: rpt.body.refresh_token, token_type_hint: 'refresh_token' })).status).to.equal(
      200,
    );
    expect((await use(replica, rpt)).status).to.equal(401);
    const refreshed = await token(authz.issuer, CLI, {
      grant_type: 'refresh_token',
      refresh_token: rpt.body.refresh_token,
    });
    expect(refreshed.body.error).to.equal('invalid_grant');
  });

  it('V.3: a PCT, by the hint pct or without one', async () => {
    for (const hint of [{ token_type_hint: 'pct' }, { token_type_hint: 'nonsense' }, {}]) {
      const { pct } = (await walletRpt(authz.issuer, plan, 'instance:create')).body;
      expect((await revoke(CLI, { token: pct, ...hint })).status).to.equal(200);
      const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
      expect((await present(authz.issuer, CLI, ticket, { pct })).body.error).to.equal('need_info');
    }
  });

  it('a PAT of its own', async () => {
    const owner = await register(authz.issuer);
    const pat = await patOf(authz.issuer, owner);
    await revoke(owner, { token: pat });
    const answer = await call(`${authz.issuer}/resources`, { headers: { authorization: `Bearer ${pat}` } });
    expect(answer.status).to.equal(401);
  });

  it('V.1, V.2, V.3: another client’s token stays; unknown tokens are 200; bad clients 401; no token 400', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    for (const value of [rpt.body.access_token, rpt.body.refresh_token, rpt.body.pct]) {
      expect((await revoke(CLIENT, { token: value })).status).to.equal(200);
    }
    expect((await use(authz, rpt)).status).to.equal(200);
    expect((await revoke(CLI, { token: 'unknown' })).status).to.equal(200);
    const bad = await revoke({ clientId: 'app', clientSecret: 'wrong' }, { token: 'x' });
    expect(bad.status).to.equal(401);
    expect(bad.body.error).to.equal('invalid_client');
    expect((await revoke(CLI, {})).body.error).to.equal('invalid_request');
  });

  it('B5: a revocation is heard by polling too, when NOTIFY is lost', async () => {
    const revocations: Revocation[] = [];
    const stop = replica.server.onRevocation((revocation) => revocations.push(revocation));
    await authz.database.dataSource.query(
      `INSERT INTO revocation (transaction, kind, id, at) VALUES (pg_current_xact_id()::text::bigint, 'token', 'silent', now())`,
    );
    for (let waited = 0; revocations.length === 0 && waited < 2500; waited += 50)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(revocations).to.deep.equal([{ kind: 'token', id: 'silent' }]);
    stop();
  });

  it('withdrawing a resource in process ends its permissions on every replica', async () => {
    const id = await ensure(authz.server, 'plan', 'gone', ['read']);
    const rpt = await walletRpt(authz.issuer, id, 'read');
    const revocations: Revocation[] = [];
    const stop = replica.server.onRevocation((revocation) => revocations.push(revocation));
    await authz.server.protection.withdraw(id);
    expect((await call(guardedUrl(replica.issuer, id, 'read'), bearerOf(rpt))).status).to.equal(401);
    expect(await heard(revocations)).to.deep.include({ kind: 'resource', id });
    const again = await authz.server.protection.register({
      name: 'gone',
      type: 'plan',
      key: 'gone',
      scopes: ['read'],
      attributes: {},
    });
    expect(again, 'B5: ids are never reused').to.not.equal(id);
    stop();
  });

  it('A1: after a restore nothing earlier is alive: RPT, refresh token, PCT, PAT, ticket', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    const pat = await patOf(authz.issuer, { clientId: 'operator', clientSecret: 'operator-secret' });
    const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
    const revocations: Revocation[] = [];
    const stop = replica.server.onRevocation((revocation) => revocations.push(revocation));
    await authz.server.revokeAll();
    expect((await use(replica, rpt)).status).to.equal(401);
    const form = { grant_type: 'refresh_token', refresh_token: rpt.body.refresh_token };
    expect((await token(authz.issuer, CLI, form)).body.error).to.equal('invalid_grant');
    expect((await present(authz.issuer, CLI, ticket)).body.error).to.equal('invalid_grant');
    const fresh = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
    expect((await present(authz.issuer, CLI, fresh, { pct: rpt.body.pct })).body.error).to.equal('need_info');
    const listed = await call(`${authz.issuer}/resources`, { headers: { authorization: `Bearer ${pat}` } });
    expect(listed.status).to.equal(401);
    expect(await heard(revocations)).to.deep.include({ kind: 'all' });
    stop();
  });

  it('what has expired is deleted, what lives is not', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    await call(guardedUrl(authz.issuer, plan, 'instance:create'));
    const [job] = authz.server.jobs;
    const tickets = async () =>
      Number((await authz.database.dataSource.query('SELECT count(*) FROM permission_ticket'))[0].count);
    await job?.run(new AbortController().signal);
    expect(await tickets()).to.be.greaterThan(0);
    expect((await use(authz, rpt)).status).to.equal(200);
    authz.skewMs = 9 * 3_600_000;
    await job?.run(new AbortController().signal);
    authz.skewMs = 0;
    expect(await tickets()).to.equal(0);
    expect((await use(authz, rpt)).status).to.equal(401);
  });

  describe('B4: a policy change', () => {
    const settled = async (rpt: Answer, status: number) => {
      for (let waited = 0; waited < 2000; waited += 25) {
        if ((await use(authz, rpt)).status === status) return;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      expect((await use(authz, rpt)).status).to.equal(status);
    };

    it('B4, F.29: ends the grants it would now deny and keeps the others', async () => {
      const wallet = await walletRpt(authz.issuer, plan, 'instance:create');
      const operator = await present(
        authz.issuer,
        { clientId: 'operator', clientSecret: 'operator-secret' },
        ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create'))),
      );
      authz.policies.change((request) => (request.principal.kind === 'party' ? 'deny' : standardRule(request)));
      await settled(wallet, 401);
      expect((await use(authz, operator)).status).to.equal(200);
      authz.policies.change(standardRule);
    });

    it('B4: a refresh under older policies that would now be denied is invalid_grant', async () => {
      const rpt = await walletRpt(replica.issuer, plan, 'instance:create');
      // This replica alone learns of the change, and its background run is beaten by the refresh or not: the end is the same.
      authz.policies.change((request) => (request.principal.kind === 'party' ? 'deny' : standardRule(request)));
      const refreshed = await token(authz.issuer, CLI, {
        grant_type: 'refresh_token',
        refresh_token: rpt.body.refresh_token,
      });
      expect(refreshed.body.error).to.equal('invalid_grant');
      authz.policies.change(standardRule);
    });
  });
});
