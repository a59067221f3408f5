import { expect } from 'chai';
import { decodeJwt } from 'jose';
import {
  type Answer,
  basic,
  bearerOf,
  CLI,
  CLIENT,
  call,
  ensure,
  guardedUrl,
  jsonCall,
  OPERATOR,
  PLATFORM,
  patOf,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  walletRpt,
} from './support.js';

describe('A resource that loses a scope', () => {
  let authz: TestAuthorization;
  let pat: string;

  before(async () => {
    authz = await startAuthorization();
    pat = await patOf(authz.issuer, await register(authz.issuer));
  });
  after(() => authz.close());

  const create = async (scopes: readonly string[] = ['view', 'print']) =>
    (await jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: scopes, type: 'open' })).body
      ._id as string;
  const replace = async (id: string, scopes: readonly string[]) => {
    const answer = await jsonCall(`${authz.issuer}/resources/${id}`, 'PUT', pat, {
      resource_scopes: scopes,
      type: 'open',
    });
    expect(answer.status, answer.text).to.equal(200);
  };
  const ticketFor = async (id: string, scopes: readonly string[]) => {
    const asked = { resource_id: id, resource_scopes: scopes };
    return (await jsonCall(`${authz.issuer}/permission`, 'POST', pat, asked)).body.ticket as string;
  };
  const rptFor = async (id: string, scopes: readonly string[]) => {
    const rpt = await present(authz.issuer, CLI, await ticketFor(id, scopes));
    expect(rpt.status, rpt.text).to.equal(200);
    return rpt;
  };
  const introspect = async (rpt: Answer) => {
    const answer = await call(`${authz.issuer}/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${pat}` },
      body: new URLSearchParams({ token: rpt.body.access_token }),
    });
    expect(answer.status).to.equal(200);
    return answer.body;
  };
  const scopesOf = async (rpt: Answer) => (await introspect(rpt)).permissions[0].resource_scopes;

  it('R.12, E.2: a ticket that names it yields invalid_scope, and nothing of the rest', async () => {
    const id = await create();
    const ticket = await ticketFor(id, ['view', 'print']);
    await replace(id, ['view']);
    const answer = await present(authz.issuer, CLI, ticket);
    expect(answer.status).to.equal(400);
    expect(answer.body.error).to.equal('invalid_scope');
    expect((await present(authz.issuer, CLI, ticket)).body.error, 'M: it is spent').to.equal('invalid_grant');
  });

  it('R.12, E.2: a ticket for other scopes of the resource is as good as before', async () => {
    const id = await create();
    const ticket = await ticketFor(id, ['view']);
    await replace(id, ['view']);
    expect((await present(authz.issuer, CLI, ticket)).status).to.equal(200);
  });

  it('R.12, I.1: introspection shows it no more, and a token with nothing else is not active', async () => {
    const id = await create();
    const both = await rptFor(id, ['view', 'print']);
    const one = await rptFor(id, ['print']);
    await replace(id, ['view']);
    expect(await scopesOf(both)).to.deep.equal(['view']);
    expect(await introspect(one)).to.deep.equal({ active: false });
  });

  it('R.12: given back later, it revives no old permission', async () => {
    const id = await create();
    const rpt = await rptFor(id, ['view', 'print']);
    await replace(id, ['view']);
    await replace(id, ['view', 'print']);
    expect(await scopesOf(rpt)).to.deep.equal(['view']);
    const refreshed = await token(authz.issuer, CLI, {
      grant_type: 'refresh_token',
      refresh_token: rpt.body.refresh_token,
    });
    expect(await scopesOf(refreshed)).to.deep.equal(['view']);
  });

  it('R.12, K10: an upgrade carries over what is left', async () => {
    const id = await create(['view', 'print', 'share']);
    const old = await rptFor(id, ['view', 'print']);
    await replace(id, ['view', 'share']);
    const rpt = await present(authz.issuer, CLI, await ticketFor(id, ['share']), { rpt: old.body.access_token });
    expect(rpt.body.upgraded, rpt.text).to.equal(true);
    expect(decodeJwt(rpt.body.access_token).permissions).to.deep.equal([
      { resource_id: id, resource_scopes: ['view', 'share'] },
    ]);
  });

  it('R.12, K11: a refresh gives what is left, and invalid_grant when nothing is', async () => {
    const refresh = (rpt: Answer) =>
      token(authz.issuer, CLI, { grant_type: 'refresh_token', refresh_token: rpt.body.refresh_token });
    const id = await create();
    const both = await rptFor(id, ['view', 'print']);
    const one = await rptFor(id, ['print']);
    await replace(id, ['view']);
    const refreshed = await refresh(both);
    expect(decodeJwt(refreshed.body.access_token).permissions).to.deep.equal([
      { resource_id: id, resource_scopes: ['view'] },
    ]);
    expect((await refresh(one)).body.error).to.equal('invalid_grant');
  });

  it('R.12: the guard of in-process resources asks for a new RPT, a platform hears 403, and replicas are told', async () => {
    const describe = (scopes: readonly string[]) => ensure(authz.server, 'plan', 'shrinking', scopes);
    const id = await describe(['read', 'update']);
    const rpt = await walletRpt(authz.issuer, id, 'update');
    const operator = ticketIn(await call(guardedUrl(authz.issuer, id, 'update')));
    const platform = {
      headers: { authorization: basic({ clientId: PLATFORM.username, clientSecret: PLATFORM.password }) },
    };
    expect((await call(guardedUrl(authz.issuer, id, 'update'), platform)).status).to.equal(200);
    const told = new Promise((resolve) => {
      const stop = authz.server.onRevocation((revocation) => {
        if (revocation.id !== id) return;
        stop();
        resolve(revocation.kind);
      });
    });
    expect(await describe(['read'])).to.equal(id);
    expect(await told).to.equal('resource');
    expect((await call(guardedUrl(authz.issuer, id, 'update'), bearerOf(rpt))).status).to.equal(401);
    expect((await call(guardedUrl(authz.issuer, id, 'update'), platform)).status).to.equal(403);
    expect((await present(authz.issuer, OPERATOR, operator)).body.error).to.equal('invalid_scope');
  });

  it('R.12: an in-process resource loses a scope with all that hangs on it, or not at all', async () => {
    const describe = (scopes: readonly string[]) => ensure(authz.server, 'plan', 'cut short', scopes);
    const id = await describe(['read', 'update']);
    const rpt = await walletRpt(authz.issuer, id, 'update');
    const { dataSource } = authz.database;
    await dataSource.query(
      `CREATE FUNCTION no_revocation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
    );
    await dataSource.query(
      'CREATE TRIGGER no_revocation BEFORE INSERT ON revocation FOR EACH ROW EXECUTE FUNCTION no_revocation()',
    );
    try {
      expect(await describe(['read']).catch(() => 'failed')).to.equal('failed');
    } finally {
      await dataSource.query('DROP FUNCTION no_revocation CASCADE');
    }
    expect((await call(guardedUrl(authz.issuer, id, 'update'), bearerOf(rpt))).status).to.equal(200);
    await describe(['read']);
    expect((await call(guardedUrl(authz.issuer, id, 'update'), bearerOf(rpt))).status).to.equal(401);
  });

  it('R.12, B4: policies that change meanwhile still end or keep the rest by what they say of it', async () => {
    const id = await create();
    const rpt = await present(authz.issuer, CLIENT, await ticketFor(id, ['view', 'print']));
    await replace(id, ['view']);
    const before = authz.policies.rule;
    authz.policies.change(({ scope }) => (scope === 'view' ? 'permit' : 'deny'));
    const refreshed = await token(authz.issuer, CLIENT, {
      grant_type: 'refresh_token',
      refresh_token: rpt.body.refresh_token,
    });
    expect(refreshed.status, refreshed.text).to.equal(200);
    authz.policies.change(before);
  });
});
