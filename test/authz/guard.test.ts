import { createHash, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  basic,
  bearerOf,
  CLI,
  call,
  ensure,
  guardedUrl,
  jsonCall,
  OPERATOR,
  PLATFORM,
  patOf,
  present,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  walletClaim,
  walletRpt,
} from './support.js';

describe('Guard', () => {
  let authz: TestAuthorization;
  let plan: string;
  let other: string;

  before(async () => {
    authz = await startAuthorization();
    plan = await ensure(authz.server, 'plan', 'a', ['instance:create', 'read']);
    other = await ensure(authz.server, 'binding', 'b', ['read']);
  });
  after(() => authz.close());

  const guarded = (headers: Record<string, string> = {}, scope = 'instance:create', id = plan) =>
    call(guardedUrl(authz.issuer, id, scope), { headers });

  it('S.1, S.2: none, invalid and insufficient RPT get the same answer', async () => {
    const insufficient = await walletRpt(authz.issuer, plan, 'read');
    const answers = [
      await guarded(),
      await guarded({ authorization: 'Bearer nonsense' }),
      await guarded({ authorization: 'Bearer' }),
      await guarded({ authorization: 'Digest x="y"' }),
      await guarded({ authorization: `Bearer ${'x'.repeat(12_000)}` }),
      await guarded({ authorization: `Bearer ${insufficient.body.access_token}` }),
      await guarded({ authorization: `Bearer ${await patOf(authz.issuer, OPERATOR)}` }),
      await guarded({ authorization: 'Basic !!!' }),
      await guarded({ authorization: basic({ clientId: PLATFORM.username, clientSecret: 'wrong' }) }),
    ];
    for (const answer of answers) {
      expect(answer.status).to.equal(401);
      const header = answer.headers.get('www-authenticate') ?? '';
      expect(header.replace(/ticket="[\w-]{43}"/, 'ticket="…"')).to.equal(
        `UMA realm="ovsb", as_uri="${authz.issuer}", ticket="…"`,
      );
      expect(answer.text).to.equal(answers[0]?.text);
    }
  });

  it('S.1: the ticket names exactly what was wanted', async () => {
    const rpt = await present(authz.issuer, OPERATOR, ticketIn(await guarded()));
    expect(decodeJwt(rpt.body.access_token).permissions).to.deep.equal([
      { resource_id: plan, resource_scopes: ['instance:create'] },
    ]);
  });

  it('S.3: authorization server unreachable: 403 and Warning 199', async () => {
    const lost = await startAuthorization();
    const rpt = await walletRpt(lost.issuer, await ensure(lost.server, 'plan', 'x', ['read']), 'read');
    await lost.database.dataSource.destroy();
    try {
      for (const init of [{}, bearerOf(rpt)]) {
        const answer = await call(guardedUrl(lost.issuer, 'x', 'read'), init);
        expect(answer.status).to.equal(403);
        expect(answer.headers.get('warning')).to.equal('199 - "UMA Authorization Server Unreachable"');
      }
    } finally {
      await lost.close();
    }
  });

  it('a tampered RPT, one of another issuer’s key or alg none is none', async () => {
    const good = (await walletRpt(authz.issuer, plan, 'instance:create')).body.access_token as string;
    const [header = '', payload = '', signature = ''] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(good), sub: 'client:operator' })).toString('base64url');
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    for (const jwt of [
      `${header}.${forged}.${signature}`,
      `${none}.${payload}.`,
      `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    ]) {
      expect((await guarded({ authorization: `Bearer ${jwt}` })).status).to.equal(401);
    }
  });

  describe('platforms', () => {
    it('HTTP basic and bearer go through the same policies: permitted, or 403 with the reason', async () => {
      for (const authorization of [
        basic({ clientId: PLATFORM.username, clientSecret: PLATFORM.password }),
        `Bearer ${PLATFORM.bearerToken}`,
      ]) {
        const granted = await guarded({ authorization });
        expect(granted.status).to.equal(200);
        expect(granted.body).to.include({ kind: 'platform', party: 'platform:platform' });
        const denied = await guarded({ authorization }, 'read', other);
        expect(denied.status).to.equal(403);
        expect(denied.body.reason).to.equal('the test says deny');
      }
      expect(authz.decisions.some((decision) => decision.occasion === 'guard' && decision.outcome === 'deny')).to.equal(
        true,
      );
    });

    it('B2: originating identity is the platform’s attribute only; with an RPT it is ignored', async () => {
      const identity = `kubernetes ${Buffer.from('{"username":"eip155:31337:0xabc"}').toString('base64')}`;
      const headers = { 'x-broker-api-originating-identity': identity };
      const platform = await guarded({
        ...headers,
        authorization: basic({ clientId: PLATFORM.username, clientSecret: PLATFORM.password }),
      });
      expect(platform.body.party).to.equal('platform:platform');
      expect(platform.body.originatingIdentity).to.deep.equal({
        platform: 'kubernetes',
        value: { username: 'eip155:31337:0xabc' },
      });
      const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
      const party = await guarded({ ...headers, authorization: `Bearer ${rpt.body.access_token}` });
      expect(party.body).to.not.have.property('originatingIdentity');
    });
  });

  describe('DPoP', () => {
    const proofs = async () => {
      const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
      const jwk = await exportJWK(publicKey);
      return (htm: string, htu: string, more: Record<string, unknown> = {}) =>
        new SignJWT({ htm, htu, jti: randomUUID(), ...more })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
          .setIssuedAt()
          .sign(privateKey);
    };
    const bound = async (prove: Awaited<ReturnType<typeof proofs>>) => {
      const ticket = ticketIn(await guarded());
      const headers = { dpop: await prove('POST', `${authz.issuer}/token`) };
      return present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket), headers);
    };
    const ath = (jwt: string) => createHash('sha256').update(jwt).digest('base64url');

    it('F.26: an RPT with cnf needs a fresh proof for each use', async () => {
      const prove = await proofs();
      const rpt = await bound(prove);
      expect(rpt.body.token_type, rpt.text).to.equal('DPoP');
      const jwt = rpt.body.access_token as string;
      expect(decodeJwt(jwt).cnf).to.include.keys('jkt');
      const url = guardedUrl(authz.issuer, plan, 'instance:create');
      const proof = await prove('GET', url, { ath: ath(jwt) });
      const authorization = `DPoP ${jwt}`;
      expect((await guarded({ authorization, dpop: proof })).status).to.equal(200);
      const stranger = await proofs();
      const refused: Record<string, Record<string, string>> = {
        replayed: { authorization, dpop: proof },
        'without proof': { authorization },
        'as bearer': { authorization: `Bearer ${jwt}` },
        'for another method': { authorization, dpop: await prove('POST', url, { ath: ath(jwt) }) },
        'for another path': { authorization, dpop: await prove('GET', `${url}x`, { ath: ath(jwt) }) },
        'without ath': { authorization, dpop: await prove('GET', url) },
        'of another key': { authorization, dpop: await stranger('GET', url, { ath: ath(jwt) }) },
        garbage: { authorization, dpop: 'a.b.c' },
      };
      for (const [what, headers] of Object.entries(refused))
        expect((await guarded(headers)).status, what).to.equal(401);
    });

    it('a replayed or bad proof at the token endpoint: invalid_dpop_proof, and the ticket is not spent', async () => {
      const prove = await proofs();
      const proof = await prove('POST', `${authz.issuer}/token`);
      const ticket = ticketIn(await guarded());
      expect((await present(authz.issuer, CLI, ticket, {}, { dpop: proof })).body.error).to.equal('need_info');
      const next = ticketIn(await guarded());
      for (const dpop of [proof, 'garbage', await prove('GET', `${authz.issuer}/token`)]) {
        const answer = await present(authz.issuer, OPERATOR, next, {}, { dpop });
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('invalid_dpop_proof');
      }
      expect((await present(authz.issuer, OPERATOR, next)).status).to.equal(200);
    });

    it('a public client’s refresh token is bound to the key', async () => {
      const prove = await proofs();
      const rpt = await bound(prove);
      const form = { grant_type: 'refresh_token', refresh_token: rpt.body.refresh_token as string };
      expect((await token(authz.issuer, CLI, form)).body.error).to.equal('invalid_grant');
      const renewed = await token(authz.issuer, CLI, form, { dpop: await prove('POST', `${authz.issuer}/token`) });
      expect(renewed.body.token_type, renewed.text).to.equal('DPoP');
    });
  });

  it('signing keys rotate without invalidating live RPTs; JWKS keeps the old public key until they expire', async () => {
    const old = await walletRpt(authz.issuer, plan, 'instance:create');
    await authz.server.rotateSigningKeys();
    const fresh = await walletRpt(authz.issuer, plan, 'instance:create');
    expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(old))).status).to.equal(200);
    expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(fresh))).status).to.equal(200);
    const { body } = await call(`${authz.issuer}/jwks`);
    expect(body.keys).to.have.length(2);
    const stored = await authz.database.dataSource.query(
      'SELECT public_key::text, encode(sealed_private_key, $1) AS sealed FROM signing_key',
      ['escape'],
    );
    expect(JSON.stringify(stored)).to.not.include('"d"');
  });

  it('the operator rotates them by POST /keys/rotate; leaked ones verify nothing any more, on the other replica too', async () => {
    const replica = await startAuthorization({}, authz);
    try {
      const url = `${authz.issuer}/keys/rotate`;
      const challenge = await call(url, { method: 'POST' });
      expect(challenge.status).to.equal(401);
      const rpt = await present(authz.issuer, OPERATOR, ticketIn(challenge));
      const rotate = (body?: unknown, by = rpt.body.access_token as string) => jsonCall(url, 'POST', by, body);
      const other = await walletRpt(authz.issuer, plan, 'instance:create');
      expect((await rotate({}, other.body.access_token)).status).to.equal(401);
      expect((await rotate({ leaked: 'yes' })).body.error).to.equal('invalid_request');
      const rotated = await rotate();
      expect(rotated.status, rotated.text).to.equal(200);
      const use = async (at: TestAuthorization) =>
        (await call(guardedUrl(at.issuer, plan, 'instance:create'), bearerOf(other))).status;
      expect([await use(authz), await use(replica)]).to.deep.equal([200, 200]);

      const { kid } = (await rotate({ leaked: true })).body;
      expect((await call(`${authz.issuer}/jwks`)).body.keys.map((key: { kid: string }) => key.kid)).to.deep.equal([
        kid,
      ]);
      replica.skewMs = 30_000;
      expect([await use(authz), await use(replica)]).to.deep.equal([401, 401]);
      const fresh = await walletRpt(authz.issuer, plan, 'instance:create');
      expect(decodeProtectedHeader(fresh.body.access_token as string).kid).to.equal(kid);
    } finally {
      await replica.close();
    }
  });

  it('a signing key serves 90 days; the other replica signs with its successor within half a minute', async () => {
    const rptFrom = async ({ issuer }: TestAuthorization) => {
      const ticket = ticketIn(await call(guardedUrl(issuer, plan, 'instance:create')));
      return present(issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
    };
    const kidOf = async (from: TestAuthorization) =>
      decodeProtectedHeader((await rptFrom(from)).body.access_token as string).kid;
    const job = authz.server.jobs.find(({ name }) => name === 'authz-key-rotation');
    const rotate = () => job?.run(new AbortController().signal);
    const replica = await startAuthorization({}, authz);
    try {
      const first = await kidOf(authz);
      await rotate();
      expect(await kidOf(authz)).to.equal(first);
      await authz.database.dataSource.query(
        "UPDATE signing_key SET created_at = created_at - interval '90 days' WHERE retired_at IS NULL",
      );
      await Promise.all([rotate(), rotate()]);
      const next = await kidOf(authz);
      expect(next).to.not.equal(first);
      replica.skewMs = 30_000;
      const rpt = await rptFrom(replica);
      expect(decodeProtectedHeader(rpt.body.access_token as string).kid).to.equal(next);
      expect((await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(rpt))).status).to.equal(200);
      const inForce = await authz.database.dataSource.query('SELECT kid FROM signing_key WHERE retired_at IS NULL');
      expect(inForce).to.deep.equal([{ kid: next }]);
    } finally {
      await replica.close();
    }
  });
});
