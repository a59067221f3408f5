import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { type OpenIdIssuer, OURS, startIssuer } from './openid-issuer.js';
import {
  type Answer,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  present,
  register,
  standardRule,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
} from './support.js';

const BACK = 'https://dapp.example/back';

describe('Claims interaction: sign-in at an OpenID issuer', () => {
  let authz: TestAuthorization;
  let second: OpenIdIssuer;
  let client: Required<Credentials>;
  let desk: string;

  before(async () => {
    second = await startIssuer();
    authz = await startAuthorization({}, undefined, {
      signIn: [{ name: 'Example ID', issuer: second.issuer, ...OURS }],
      idTokenIssuers: [{ issuer: second.issuer, audience: OURS.clientId, requireNonce: true }],
    });
    authz.policies.rule = (request) =>
      request.resource.type === 'desk'
        ? request.claims.email === undefined
          ? 'need_info'
          : 'permit'
        : standardRule(request);
    desk = await ensure(authz.server, 'desk', 'front', ['sit']);
    client = await register(authz.issuer, { claims_redirect_uris: [BACK] });
  });
  after(async () => {
    await authz.close();
    await second.close();
  });

  const begin = async () => {
    const ticket = ticketIn(await call(guardedUrl(authz.issuer, desk, 'sit')));
    const page = await call(
      `${authz.issuer}/claims?${new URLSearchParams({ client_id: client.clientId, ticket, state: 's' })}`,
    );
    const cookie = (page.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const fields = [...page.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)].map(
      ([, name = '', value = '']) => [name, value],
    );
    const form = new URLSearchParams({ ...Object.fromEntries(fields), action: 'sign-in-0', persist: 'yes' });
    const sent = await call(`${authz.issuer}/claims`, { method: 'POST', body: form, headers: { cookie } });
    return { page, cookie, sent };
  };
  const callback = (parameters: Record<string, string>, cookie: string): Promise<Answer> =>
    call(`${authz.issuer}/claims/callback?${new URLSearchParams(parameters)}`, { headers: { cookie } });

  it('C.4: goes to the issuer with PKCE and the ticket’s nonce, comes back with a new ticket, and the RPT follows', async () => {
    const { page, cookie, sent } = await begin();
    expect(page.text).to.include('Sign in with Example ID');
    expect(page.headers.get('content-security-policy')).to.include(second.issuer);
    expect(sent.status, sent.text).to.equal(303);
    const url = new URL(sent.headers.get('location') ?? '');
    expect(url.searchParams.get('code_challenge_method')).to.equal('S256');
    expect(url.searchParams.get('nonce')).to.match(/^[0-9a-f]{32}$/);
    const back = await callback({ code: second.sign(url), state: url.searchParams.get('state') ?? '' }, cookie);
    expect(back.status, back.text).to.equal(303);
    const target = new URL(back.headers.get('location') ?? '');
    expect(target.searchParams.get('state')).to.equal('s');
    const rpt = await present(authz.issuer, client, target.searchParams.get('ticket') ?? '');
    expect(rpt.status, rpt.text).to.equal(200);
    expect(decodeJwt(rpt.body.access_token).sub).to.equal(`oidc:${second.issuer}#ada`);
    expect(rpt.body.pct).to.be.a('string');
  });

  it('C.6: from another browser, with an altered state or twice: refused', async () => {
    const { cookie, sent } = await begin();
    const url = new URL(sent.headers.get('location') ?? '');
    const state = url.searchParams.get('state') ?? '';
    const code = second.sign(url);
    expect((await callback({ code, state }, '')).status).to.equal(403);
    expect(
      (await callback({ code, state: `${state.startsWith('A') ? 'B' : 'A'}${state.slice(1)}` }, cookie)).status,
    ).to.equal(403);
    expect((await callback({ code, state }, cookie)).status).to.equal(303);
    const again = await callback({ code, state }, cookie);
    expect(new URL(again.headers.get('location') ?? '').searchParams.get('error')).to.equal('invalid_grant');
  });

  it('C.4: a code that is not accepted, or an ID token for another ticket: the page again with the reason', async () => {
    const { cookie, sent } = await begin();
    const state = new URL(sent.headers.get('location') ?? '').searchParams.get('state') ?? '';
    const refused = await callback({ error: 'access_denied', state }, cookie);
    expect(refused.status).to.equal(422);
    expect(refused.text).to.include('not completed');
    const other = await begin();
    const url = new URL(other.sent.headers.get('location') ?? '');
    url.searchParams.set('nonce', '0'.repeat(32));
    const foreign = await callback(
      { code: second.sign(url), state: url.searchParams.get('state') ?? '' },
      other.cookie,
    );
    expect(foreign.status).to.equal(422);
    expect(foreign.text).to.include('nonce');
  });
});
