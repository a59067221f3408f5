import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { until } from '../support/until.js';
import {
  type Answer,
  bearerOf,
  CLI,
  CLIENT,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  jsonCall,
  OPERATOR,
  OTHER_WALLET,
  patOf,
  present,
  register,
  standardRule,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  UMA,
  WALLET,
  walletClaim,
  walletRpt,
} from './support.js';

describe('UMA grant', () => {
  let authz: TestAuthorization;
  let plan: string;
  let open: string;
  let closed: string;

  before(async () => {
    authz = await startAuthorization();
    plan = await ensure(authz.server, 'plan', 'validator-nimbus/geth', ['instance:create', 'read', 'update']);
    open = await ensure(authz.server, 'open', 'catalog', ['read']);
    closed = await ensure(authz.server, 'closed', 'vault', ['read']);
  });
  after(() => authz.close());

  const challenge = async (resourceId = plan, scope = 'instance:create') =>
    ticketIn(await call(guardedUrl(authz.issuer, resourceId, scope)));
  const permissionsOf = (answer: Answer) => decodeJwt(answer.body.access_token).permissions;
  const dead = async (ticket: string, client: Credentials = CLI) => {
    const answer = await present(authz.issuer, client, ticket);
    expect(answer.status).to.equal(400);
    expect(answer.body.error).to.equal('invalid_grant');
  };

  describe('K: the token endpoint', () => {
    it('S.1, E.3, E.6, M.4, T.5, K5: 401 with a ticket, need_info with a new ticket, RPT, granted', async () => {
      const first = await challenge();
      const needed = await present(authz.issuer, CLI, first);
      expect(needed.status, needed.text).to.equal(403);
      expect(needed.headers.get('cache-control')).to.equal('no-store');
      expect(needed.body.error).to.equal('need_info');
      expect(needed.body.ticket).to.be.a('string').and.not.equal(first);
      expect(needed.body.required_claims[0].name).to.equal('eth_address');
      expect(needed.body.required_claims[0].claim_token_format).to.deep.equal(['urn:ovsb:claim-token:eip4361']);
      expect(needed.body['urn:ovsb:uma:alternatives']).to.have.length(2);
      const claim = await walletClaim(authz.issuer, needed.body.ticket);
      const rpt = await present(authz.issuer, CLI, needed.body.ticket, claim);
      expect(rpt.status, rpt.text).to.equal(200);
      expect(rpt.headers.get('cache-control')).to.equal('no-store');
      const granted = await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(rpt));
      expect(granted.status).to.equal(200);
      expect(granted.body).to.include({ kind: 'party', clientId: 'ovsb-cli', address: WALLET.address.toLowerCase() });
      expect(granted.body.party).to.equal(`eip155:31337:${WALLET.address.toLowerCase()}`);
    });

    it('F.15, F.27, F.28: the RPT is an at+jwt with iss, aud, sub, client_id, jti, permissions, policy_set', async () => {
      const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
      expect(decodeProtectedHeader(rpt.body.access_token)).to.include({ typ: 'at+jwt', alg: 'ES256' });
      const payload = decodeJwt(rpt.body.access_token);
      expect(payload).to.include({
        iss: authz.issuer,
        aud: new URL(authz.issuer).origin,
        client_id: 'ovsb-cli',
        policy_set: 'policies-1',
      });
      expect(payload.sub).to.equal(`eip155:31337:${WALLET.address.toLowerCase()}`);
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).to.equal(900);
      expect(payload).to.include.keys('jti');
      expect(payload).to.not.include.keys('scope', 'claims');
      expect(payload.permissions).to.deep.equal([{ resource_id: plan, resource_scopes: ['instance:create'] }]);
    });

    it('K8: the answer has no scope', async () => {
      const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
      expect(rpt.body).to.not.have.property('scope');
      expect(rpt.body).to.include({ token_type: 'Bearer', expires_in: 900 });
      expect(rpt.body).to.include.keys('pct', 'refresh_token');
    });

    for (const [what, form] of Object.entries({
      'no ticket': {},
      'claim_token alone': { ticket: 'T', claim_token: 'x' },
      'claim_token_format alone': { ticket: 'T', claim_token_format: 'x' },
    })) {
      it(`K1, M.7: ${what}: invalid_request, and the ticket is not spent`, async () => {
        const ticket = await challenge(open, 'read');
        const answer = await token(authz.issuer, CLI, {
          grant_type: UMA,
          ...form,
          ...('ticket' in form && { ticket }),
        });
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('invalid_request');
        expect((await present(authz.issuer, CLI, ticket)).status).to.equal(200);
      });
    }

    it('K1, M.7, F.21: a repeated parameter: invalid_request, and the ticket is not spent', async () => {
      const ticket = await challenge(open, 'read');
      const body = `grant_type=${encodeURIComponent(UMA)}&client_id=ovsb-cli&ticket=${ticket}&ticket=${ticket}`;
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await call(`${authz.issuer}/token`, { method: 'POST', body, headers });
      expect(answer.body.error).to.equal('invalid_request');
      expect((await present(authz.issuer, CLI, ticket)).status).to.equal(200);
    });

    it('K2, M.6, F.4, F.5: confidential and public clients; unknown, without or with a wrong secret: 401 invalid_client', async () => {
      expect((await walletRpt(authz.issuer, plan, 'read', CLIENT)).status).to.equal(200);
      expect((await walletRpt(authz.issuer, plan, 'read', CLI)).status).to.equal(200);
      const ticket = await challenge(open, 'read');
      for (const client of [{ clientId: 'nobody' }, { clientId: 'app' }, { clientId: 'app', clientSecret: 'wrong' }]) {
        const answer = await present(authz.issuer, client, ticket);
        expect(answer.status, client.clientId).to.equal(401);
        expect(answer.body.error).to.equal('invalid_client');
      }
      const anonymous = await call(`${authz.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: UMA, ticket }),
      });
      expect(anonymous.status).to.equal(401);
      expect((await present(authz.issuer, CLI, ticket)).status, 'M: the ticket is not spent').to.equal(200);
    });

    it('K4: adds requested scopes the client is registered for; others are ignored', async () => {
      const client = await register(authz.issuer, { scope: 'uma_protection read' });
      const ticket = await challenge();
      const claim = await walletClaim(authz.issuer, ticket);
      const rpt = await present(authz.issuer, client, ticket, { ...claim, scope: 'read update' });
      expect(permissionsOf(rpt)).to.deep.equal([{ resource_id: plan, resource_scopes: ['instance:create', 'read'] }]);
    });

    it('K6: all of a ticket or none', async () => {
      const owner = await register(authz.issuer);
      const pat = await patOf(authz.issuer, owner);
      const create = async (type: string) =>
        (await jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: ['view'], type })).body
          ._id as string;
      const permissions = [await create('open'), await create('closed')].map((id) => ({
        resource_id: id,
        resource_scopes: ['view'],
      }));
      const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, permissions);
      expect((await present(authz.issuer, CLI, body.ticket)).body.error).to.equal('request_denied');
    });

    it('K7: no policy and no claims never permits, an empty ticket neither', async () => {
      const owner = await register(authz.issuer);
      const pat = await patOf(authz.issuer, owner);
      const { body: resource } = await jsonCall(`${authz.issuer}/resources`, 'POST', pat, {
        resource_scopes: ['view'],
        type: 'open',
      });
      const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, {
        resource_id: resource._id,
        resource_scopes: [],
      });
      expect((await present(authz.issuer, CLI, body.ticket)).body.error).to.equal('request_denied');
      expect((await present(authz.issuer, CLI, await challenge(closed, 'read'))).body.error).to.equal('request_denied');
    });

    it('a resource open to anyone gives an RPT without claims; the party is the client', async () => {
      const rpt = await present(authz.issuer, CLI, await challenge(open, 'read'));
      expect(rpt.status).to.equal(200);
      expect(decodeJwt(rpt.body.access_token).sub).to.equal('client:ovsb-cli');
      expect(rpt.body).to.not.have.property('pct');
    });

    it('F.3: the operator’s client needs no claim, for a resource of any type', async () => {
      const pat = await patOf(authz.issuer, OPERATOR);
      const { body: resource } = await jsonCall(`${authz.issuer}/resources`, 'POST', pat, {
        resource_scopes: ['x'],
        type: 'urn:any',
      });
      const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, {
        resource_id: resource._id,
        resource_scopes: ['x'],
      });
      const rpt = await present(authz.issuer, OPERATOR, body.ticket);
      expect(rpt.status, rpt.text).to.equal(200);
      const granted = await call(guardedUrl(authz.issuer, resource._id, 'x'), bearerOf(rpt));
      expect(granted.body.kind).to.equal('operator');
    });
  });

  describe('K9: PCT', () => {
    it('K9: spares the claim token; is bound to its client; is stored hashed', async () => {
      const first = await walletRpt(authz.issuer, plan, 'instance:create');
      const { pct } = first.body;
      const again = await present(authz.issuer, CLI, await challenge(), { pct });
      expect(again.status, again.text).to.equal(200);
      expect(decodeJwt(again.body.access_token).sub).to.equal(`eip155:31337:${WALLET.address.toLowerCase()}`);
      expect((await present(authz.issuer, CLIENT, await challenge(), { pct })).body.error).to.equal('need_info');
      expect((await present(authz.issuer, CLI, await challenge(), { pct: 'nonsense' })).body.error).to.equal(
        'need_info',
      );
      const rows = await authz.database.dataSource.query('SELECT encode(digest, $1) AS d FROM persisted_claims', [
        'escape',
      ]);
      expect(JSON.stringify(rows)).to.not.include(pct);
    });

    it('claims of two parties never mix: a claim token of another wallet replaces the PCT’s', async () => {
      const { pct } = (await walletRpt(authz.issuer, plan, 'instance:create')).body;
      const ticket = await challenge();
      const claim = await walletClaim(authz.issuer, ticket, {}, OTHER_WALLET);
      const rpt = await present(authz.issuer, CLI, ticket, { pct, ...claim });
      expect(decodeJwt(rpt.body.access_token).sub).to.equal(`eip155:31337:${OTHER_WALLET.address.toLowerCase()}`);
    });
  });

  describe('K10: upgrade', () => {
    it('K10: upgraded only when the old permissions are carried over; then the old RPT ends', async () => {
      const old = await walletRpt(authz.issuer, plan, 'instance:create');
      const upgraded = await present(authz.issuer, CLI, await challenge(plan, 'read'), {
        rpt: old.body.access_token,
        pct: old.body.pct,
      });
      expect(upgraded.body.upgraded, upgraded.text).to.equal(true);
      expect(permissionsOf(upgraded)).to.deep.equal([
        { resource_id: plan, resource_scopes: ['instance:create', 'read'] },
      ]);
      expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(old))).status).to.equal(401);
      expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(upgraded))).status).to.equal(200);
      const twice = await present(authz.issuer, CLI, await challenge(plan, 'read'), {
        rpt: old.body.access_token,
        pct: old.body.pct,
      });
      expect(twice.status).to.equal(200);
      expect(twice.body).to.not.have.property('upgraded');
      expect(permissionsOf(twice)).to.deep.equal([{ resource_id: plan, resource_scopes: ['read'] }]);
    });

    it('K10: an expired RPT can be upgraded; garbage, another client’s or another party’s is ignored', async () => {
      const old = await walletRpt(authz.issuer, plan, 'instance:create');
      await authz.database.dataSource.query(`UPDATE rpt SET expires_at = now() - interval '1 minute' WHERE jti = $1`, [
        decodeJwt(old.body.access_token).jti,
      ]);
      const { pct } = old.body;
      for (const [client, rpt, more] of [
        [CLI, 'garbage', { pct }],
        [CLIENT, old.body.access_token, await walletClaimFor()],
        [CLI, old.body.access_token, await walletClaimFor(OTHER_WALLET)],
      ] as const) {
        const { ticket = await challenge(plan, 'read'), ...form } = more as Record<string, string>;
        const answer = await present(authz.issuer, client, ticket, { ...form, rpt });
        expect(answer.status, answer.text).to.equal(200);
        expect(answer.body).to.not.have.property('upgraded');
      }
      const upgraded = await present(authz.issuer, CLI, await challenge(plan, 'read'), {
        rpt: old.body.access_token,
        pct,
      });
      expect(upgraded.body.upgraded).to.equal(true);

      async function walletClaimFor(wallet = WALLET) {
        const ticket = await challenge(plan, 'read');
        return { ticket, ...(await walletClaim(authz.issuer, ticket, {}, wallet)) };
      }
    });

    it('B3: an upgrade never crosses resource servers', async () => {
      const mine = await present(authz.issuer, CLI, await challenge(open, 'read'));
      const owner = await register(authz.issuer);
      const pat = await patOf(authz.issuer, owner);
      const { body: resource } = await jsonCall(`${authz.issuer}/resources`, 'POST', pat, {
        resource_scopes: ['view'],
        type: 'open',
      });
      const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, {
        resource_id: resource._id,
        resource_scopes: ['view'],
      });
      const answer = await present(authz.issuer, CLI, body.ticket, { rpt: mine.body.access_token });
      expect(answer.status).to.equal(200);
      expect(answer.body).to.not.have.property('upgraded');
      expect(decodeJwt(answer.body.access_token).aud).to.equal(owner.clientId);
      expect((await call(guardedUrl(authz.issuer, open, 'read'), bearerOf(answer))).status).to.equal(401);
    });
  });

  describe('K11: refresh', () => {
    const refresh = (client: Credentials, refreshToken: string) =>
      token(authz.issuer, client, { grant_type: 'refresh_token', refresh_token: refreshToken });

    it('K11: gives an RPT with the same permissions and runs no assessment', async () => {
      const first = await walletRpt(authz.issuer, plan, 'instance:create');
      const decided = authz.decisions.length;
      const rule = authz.policies.rule;
      authz.policies.rule = () => 'deny';
      const again = await refresh(CLI, first.body.refresh_token);
      authz.policies.rule = rule;
      expect(again.status, again.text).to.equal(200);
      expect(permissionsOf(again)).to.deep.equal(permissionsOf(first));
      expect(authz.decisions.length).to.equal(decided);
      expect(again.body).to.not.have.property('scope');
    });

    it('K11: a public client’s token rotates, and its second use ends the grant', async () => {
      const first = await walletRpt(authz.issuer, plan, 'instance:create');
      const second = await refresh(CLI, first.body.refresh_token);
      expect(second.body.refresh_token).to.be.a('string').and.not.equal(first.body.refresh_token);
      expect((await refresh(CLI, first.body.refresh_token)).body.error).to.equal('invalid_grant');
      expect((await refresh(CLI, second.body.refresh_token)).body.error).to.equal('invalid_grant');
      expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(second))).status).to.equal(401);
    });

    it('K11: is bound to its client', async () => {
      const first = await walletRpt(authz.issuer, plan, 'instance:create', CLIENT);
      expect((await refresh(CLI, first.body.refresh_token)).body.error).to.equal('invalid_grant');
      expect((await refresh(CLIENT, first.body.refresh_token)).status).to.equal(200);
      expect((await refresh(CLIENT, first.body.refresh_token)).status).to.equal(200);
    });
  });

  describe('E: errors', () => {
    it('E.1: invalid_grant 400 for an unknown, used or expired ticket', async () => {
      await dead('unknown');
      const used = await challenge();
      await present(authz.issuer, CLI, used);
      await dead(used);
      const expired = await challenge();
      authz.skewMs = 301_000;
      await dead(expired);
      authz.skewMs = 0;
    });

    it('E.2: invalid_scope 400 for a scope that no resource of the ticket has', async () => {
      const answer = await present(authz.issuer, CLI, await challenge(), { scope: 'fly' });
      expect(answer.status).to.equal(400);
      expect(answer.body.error).to.equal('invalid_scope');
    });

    it('E.4: request_denied 403 says why', async () => {
      const answer = await present(authz.issuer, CLI, await challenge(closed, 'read'));
      expect(answer.status).to.equal(403);
      expect(answer.body).to.deep.equal({ error: 'request_denied', error_description: 'the test says deny' });
    });

    it('E.8: unauthorized_client 400 for a grant type the client is not registered for, and the ticket is not spent', async () => {
      const reader = await register(authz.issuer, { grant_types: ['client_credentials'] });
      const ticket = await challenge(open, 'read');
      const presented = await present(authz.issuer, reader, ticket);
      expect(presented.status).to.equal(400);
      expect(presented.body.error).to.equal('unauthorized_client');
      const party = await register(authz.issuer, { grant_types: [UMA] });
      for (const form of [
        { grant_type: 'client_credentials', scope: 'uma_protection' },
        { grant_type: 'refresh_token', refresh_token: 'x' },
      ] as Record<string, string>[]) {
        const answer = await token(authz.issuer, party, form);
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('unauthorized_client');
      }
      expect((await present(authz.issuer, party, ticket)).status).to.equal(200);
    });

    it('E.9: unsupported_grant_type 400 for one that is not offered, invalid_request for none, invalid_client before both', async () => {
      for (const grantType of ['password', 'authorization_code', 'implicit', 'urn:x']) {
        const answer = await token(authz.issuer, CLIENT, { grant_type: grantType });
        expect(answer.status).to.equal(400);
        expect(answer.body.error, grantType).to.equal('unsupported_grant_type');
      }
      expect((await token(authz.issuer, CLIENT, {})).body.error).to.equal('invalid_request');
      const stranger = { clientId: 'app', clientSecret: 'wrong' };
      expect((await token(authz.issuer, stranger, { grant_type: 'password' })).body.error).to.equal('invalid_client');
    });

    it('E.7: JSON whatever Accept says', async () => {
      const answer = await present(authz.issuer, CLI, await challenge(), {}, { accept: 'text/html' });
      expect(answer.headers.get('content-type')).to.include('application/json');
      expect(answer.body).to.include.keys('error', 'ticket', 'required_claims');
    });

    it('E.3: need_info names redirect_user for a client with claims_redirect_uris', async () => {
      const client = await register(authz.issuer, { claims_redirect_uris: ['https://dapp.example/back'] });
      const answer = await present(authz.issuer, client, await challenge());
      expect(answer.body.redirect_user).to.equal(`${authz.issuer}/claims`);
    });
  });

  describe('claim tokens', () => {
    for (const [what, changes] of Object.entries({
      expired: { expirationMs: Date.now() - 1000 },
      'with a wrong nonce': { nonce: 'a'.repeat(32) },
    })) {
      it(`F.7, M.4: a message ${what}: need_info with a new ticket that works`, async () => {
        const ticket = await challenge();
        const answer = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket, changes));
        expect(answer.status).to.equal(403);
        expect(answer.body.error).to.equal('need_info');
        expect(answer.body.required_claims[0].name).to.equal('eth_address');
        await dead(ticket);
        const next = answer.body.ticket as string;
        expect((await present(authz.issuer, CLI, next, await walletClaim(authz.issuer, next))).status).to.equal(200);
      });
    }

    it('F.7: an unknown format, or garbage: need_info, also where no claim is needed', async () => {
      for (const [resource, scope] of [
        [plan, 'read'],
        [open, 'read'],
      ] as const) {
        for (const claim of [
          { claim_token: 'x', claim_token_format: 'urn:unknown' },
          { claim_token: '%%%', claim_token_format: 'urn:ovsb:claim-token:eip4361' },
        ]) {
          const answer = await present(authz.issuer, CLI, await challenge(resource, scope), claim);
          expect(answer.body.error).to.equal('need_info');
          expect(answer.body.required_claims[0].claim_token_format).to.include('urn:ovsb:claim-token:eip4361');
        }
      }
    });

    it('F.8: forged signature, foreign domain, another client’s message: invalid_grant', async () => {
      const forged = await challenge();
      const claim = await walletClaim(authz.issuer, forged);
      const parts = JSON.parse(Buffer.from(claim.claim_token, 'base64url').toString()) as {
        message: string;
        signature: string;
      };
      parts.message = parts.message.replace(WALLET.address, OTHER_WALLET.address);
      const claim_token = Buffer.from(JSON.stringify(parts)).toString('base64url');
      expect((await present(authz.issuer, CLI, forged, { ...claim, claim_token })).body.error).to.equal(
        'invalid_grant',
      );
      for (const changes of [
        { domain: 'evil.example' },
        { uri: 'https://evil.example' },
        { chainId: 1 },
        { resources: ['urn:ovsb:client:other'] },
      ]) {
        const ticket = await challenge();
        const answer = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket, changes));
        expect(answer.status, JSON.stringify(changes)).to.equal(400);
        expect(answer.body.error).to.equal('invalid_grant');
      }
    });

    it('F.7: a message serves one ticket: replayed with another it is refused', async () => {
      const first = await challenge();
      const claim = await walletClaim(authz.issuer, first);
      expect((await present(authz.issuer, CLI, first, claim)).status).to.equal(200);
      expect((await present(authz.issuer, CLI, await challenge(), claim)).body.error).to.equal('need_info');
    });

    it('F.9: a message signed over the very first ticket is accepted for it', async () => {
      expect((await walletRpt(authz.issuer, plan, 'instance:create')).status).to.equal(200);
    });
  });

  describe('B7: ticket phishing', () => {
    it('B7: after its first presentation a ticket’s successors belong to that client', async () => {
      const needed = await present(authz.issuer, CLI, await challenge());
      await dead(needed.body.ticket, CLIENT);
      await dead(needed.body.ticket);
    });
  });

  describe('the decision log', () => {
    it('F.28: has names of claims, policies and the policy set', () => {
      const last = authz.decisions.find(({ outcome, claimNames }) => outcome === 'permit' && claimNames.length > 0);
      expect(last).to.include({ occasion: 'token', policySet: 'policies-1', outcome: 'permit' });
      expect(last?.claimNames).to.deep.equal(['eth_address']);
    });
  });

  describe('B4: what was decided under older policies, and kept claims', () => {
    const standard = () => authz.policies.change(standardRule);
    const ended = (rpt: Answer) =>
      until('the end of the RPT', 5000, async () => {
        const { status } = await call(guardedUrl(authz.issuer, open, 'read'), bearerOf(rpt));
        return status === 401 ? true : undefined;
      });

    it('F.29: policies that change while an RPT is being issued end it', async () => {
      const ticket = await challenge(open, 'read');
      authz.policies.rule = () => {
        authz.policies.change(() => 'deny');
        return 'permit';
      };
      const rpt = await present(authz.issuer, CLI, ticket);
      expect(rpt.status, rpt.text).to.equal(200);
      await ended(rpt);
      standard();
    });

    it('F.29: policies that change while an RPT is refreshed end it', async () => {
      const first = await present(authz.issuer, CLIENT, await challenge(open, 'read'));
      authz.policies.change(() => {
        authz.policies.change(() => 'deny');
        return 'permit';
      });
      const rpt = await token(authz.issuer, CLIENT, {
        grant_type: 'refresh_token',
        refresh_token: first.body.refresh_token,
      });
      if (rpt.status === 200) await ended(rpt);
      else expect(rpt.body.error).to.equal('invalid_grant');
      standard();
    });

    it('a PCT does not outlive the proof it was made of, however often it is used', async () => {
      const day = 86_400_000;
      const { pct } = (await walletRpt(authz.issuer, plan, 'instance:create')).body;
      authz.skewMs = 29 * day;
      const ticket = await challenge();
      authz.policies.rule = () => 'need_info';
      const asked = await present(authz.issuer, CLI, ticket, { pct });
      authz.policies.rule = standardRule;
      const renewed = await present(authz.issuer, CLI, asked.body.ticket);
      expect(renewed.status, renewed.text).to.equal(200);
      authz.skewMs = 31 * day;
      const late = await present(authz.issuer, CLI, await challenge(), { pct: renewed.body.pct ?? pct });
      authz.skewMs = 0;
      expect(late.body.error).to.equal('need_info');
    });
  });
});
