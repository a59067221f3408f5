import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { ID_TOKEN_FORMAT } from '../../../authz/claims/id-token.js';
import { ticketNonce } from '../../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../../authz/claims/verifier.js';
import type { ClaimVerifier } from '../../../authz/policy/types.js';

const OURS = 'http://127.0.0.1:8080/authz';

describe('claims: ID token of a second issuer', () => {
  let server: Server;
  let issuer: string;
  let verifier: ClaimVerifier;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;

  before(async () => {
    keys = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
    server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration') {
        response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }));
      } else response.end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    verifier = createClaimVerifier({ issuer: OURS, chainId: 31337, idTokenIssuers: [{ issuer }] });
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const mint = (
    payload: JWTPayload = {},
    options: { audience?: string; expiresIn?: string; by?: typeof keys.privateKey } = {},
  ) =>
    new SignJWT({ email: 'ada@example.org', email_verified: true, kyc_level: 2, ...payload })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(payload.iss ?? issuer)
      .setSubject('ada')
      .setAudience(options.audience ?? OURS)
      .setIssuedAt()
      .setExpirationTime(options.expiresIn ?? '5m')
      .sign(options.by ?? keys.privateKey);

  const present = async (token: string) =>
    verifier.verify({ format: ID_TOKEN_FORMAT, token, ticket: 't', clientId: 'app', nowMs: Date.now() });

  it('is accepted, its usual claims become facts', async () => {
    const kubernetes = { 'kubernetes.io': { namespace: 'validators', pod: { name: 'vc-0', uid: 'u' } } };
    expect(await present(await mint())).to.deep.equal({
      kind: 'ok',
      claims: { iss: issuer, sub: 'ada', email: 'ada@example.org', email_verified: true, kyc_level: 2 },
      party: `oidc:${issuer}#ada`,
      persistable: true,
      boundToTicket: false,
    });
    expect(await present(await mint({ nonce: ticketNonce('t') }))).to.include({ kind: 'ok', boundToTicket: true });
    const pod = await present(await mint(kubernetes));
    expect(pod).to.deep.include({ kind: 'ok', persistable: false, boundToTicket: false });
    if (pod.kind === 'ok')
      expect(pod.claims).to.include({ kubernetes_namespace: 'validators', kubernetes_pod: 'vc-0' });
  });

  it('whose word it is stays a claim, also where the operator names its own claims', async () => {
    const claims = { roles: 'realm_access/roles', iss: 'email' };
    const named = createClaimVerifier({ issuer: OURS, chainId: 31337, idTokenIssuers: [{ issuer, claims }] });
    const token = await mint({ realm_access: { roles: ['on-call'] } });
    const answer = await named.verify({
      format: ID_TOKEN_FORMAT,
      token,
      ticket: 't',
      clientId: 'app',
      nowMs: Date.now(),
    });
    expect(answer.kind === 'ok' && answer.claims).to.deep.equal({ roles: ['on-call'], iss: issuer });
  });

  it('never claims an Ethereum account, whatever its payload says', async () => {
    const answer = await present(await mint({ eth_address: `0x${'11'.repeat(20)}` }));
    expect(answer.kind === 'ok' && 'eth_address' in answer.claims).to.equal(false);
  });

  it('is refused when expired, for another audience, of an unknown issuer, signed by another key, or for another ticket', async () => {
    const foreign = await generateKeyPair('ES256');
    expect(await present(await mint({}, { expiresIn: '-1m' }))).to.include({ problem: 'expired' });
    expect(await present(await mint({}, { audience: 'elsewhere' }))).to.include({ problem: 'domain' });
    expect(await present(await mint({ iss: 'http://evil.example' }))).to.include({ problem: 'domain' });
    expect(await present(await mint({}, { by: foreign.privateKey }))).to.include({ problem: 'signature' });
    expect(await present(await mint({ nonce: ticketNonce('other') }))).to.include({ problem: 'nonce' });
    expect((await present(await mint({ nonce: ticketNonce('t') }))).kind).to.equal('ok');
  });

  it('is refused unsigned, truncated or when it is no token', async () => {
    const [header, payload] = (await mint()).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const token of [`${none}.${payload}.`, `${header}.${payload}.`, 'x.y.z', '', 'a'.repeat(20_000)]) {
      expect((await present(token)).kind).to.equal('bad');
    }
  });
});
