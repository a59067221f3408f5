import { expect } from 'chai';
import { decodeJwt } from 'jose';
import {
  type Answer,
  type Credentials,
  call,
  guardedUrl,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  WALLET,
} from './support.js';

const BACK = 'https://dapp.example/back?page=1';

describe('Claims interaction', () => {
  let authz: TestAuthorization;
  let client: Required<Credentials>;
  let plan: string;

  before(async () => {
    authz = await startAuthorization();
    plan = await authz.server.protection.ensure({
      name: 'Nimbus with <Geth>',
      type: 'plan',
      key: 'validator-nimbus/geth',
      scopes: ['instance:create'],
      attributes: {},
    });
    client = await register(authz.issuer, {
      client_name: '<b>My dApp</b>',
      claims_redirect_uris: [BACK, 'myapp://back'],
      redirect_uris: ['https://plain.example/'],
    });
  });
  after(() => authz.close());

  const challenge = async () => ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
  const open = (parameters: Record<string, string>, cookie?: string) =>
    call(
      `${authz.issuer}/claims?${new URLSearchParams(parameters)}`,
      cookie === undefined ? {} : { headers: { cookie } },
    );
  const start = async (more: Record<string, string> = {}) =>
    open({ client_id: client.clientId, ticket: await challenge(), claims_redirect_uri: BACK, state: 'st&te', ...more });
  const fields = (page: Answer) => {
    const found: Record<string, string> = {};
    for (const [, name = '', value = ''] of page.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)) {
      found[name] = value.replaceAll('&amp;', '&');
    }
    return found;
  };
  const cookieOf = (page: Answer) => (page.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const send = (page: Answer, path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    call(`${authz.issuer}${path}`, {
      method: 'POST',
      body: new URLSearchParams({ ...fields(page), ...form }),
      headers: { cookie: cookieOf(page), ...headers },
    });
  const sign = async (page: Answer, more: Record<string, string> = {}) => {
    const { body } = await send(page, '/claims/message', { address: WALLET.address.toLowerCase() });
    const signature = await WALLET.signMessage({ message: body.message });
    return send(page, '/claims', { action: 'wallet', message: body.message, signature, ...more });
  };
  const target = (answer: Answer) => {
    expect(answer.status, answer.text).to.equal(303);
    return new URL(answer.headers.get('location') ?? '');
  };

  it('C.7, F.18: the page names resource, scopes, asking client and redirect host, escaped', async () => {
    const page = await start();
    expect(page.status).to.equal(200);
    expect(page.headers.get('content-type')).to.include('text/html');
    expect(page.text).to.include('Nimbus with &lt;Geth&gt;').and.include('instance:create');
    expect(page.text)
      .to.include('&lt;b&gt;My dApp&lt;/b&gt;')
      .and.include('unverified client')
      .and.include('dapp.example');
    expect(page.text).to.not.include('<b>My');
  });

  it('B7, C2: strict CSP without inline script, no framing, no referrer, no-store', async () => {
    const page = await start();
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy)
      .to.include("default-src 'none'")
      .and.include("script-src 'self'")
      .and.include("frame-ancestors 'none'");
    expect(policy).to.not.include('unsafe');
    expect(page.text).to.not.match(/<script(?! src=)/);
    expect(page.text).to.not.match(/ on\w+=| style=/);
    expect(page.headers.get('x-frame-options')).to.equal('DENY');
    expect(page.headers.get('referrer-policy')).to.equal('no-referrer');
    expect(page.headers.get('cache-control')).to.equal('no-store');
    for (const name of ['claims.js', 'claims.css'])
      expect((await call(`${authz.issuer}/claims/${name}`)).status).to.equal(200);
  });

  it('C.1, C.4, C.5: a wallet proves itself, goes back with a new ticket, and the client gets its RPT without a claim token', async () => {
    const page = await start();
    const back = target(await sign(page, { persist: 'yes' }));
    expect(back.origin + back.pathname).to.equal('https://dapp.example/back');
    expect(back.searchParams.get('page')).to.equal('1');
    expect(back.searchParams.get('state')).to.equal('st&te');
    const rpt = await present(authz.issuer, client, back.searchParams.get('ticket') ?? '');
    expect(rpt.status, rpt.text).to.equal(200);
    expect(decodeJwt(rpt.body.access_token).sub).to.equal(`eip155:31337:${WALLET.address.toLowerCase()}`);
    expect(rpt.body.pct).to.be.a('string');
  });

  it('C.5, C.7: without consent no PCT; without state none comes back', async () => {
    const page = await open({ client_id: client.clientId, ticket: await challenge(), claims_redirect_uri: BACK });
    const back = target(await sign(page));
    expect(back.searchParams.has('state')).to.equal(false);
    const rpt = await present(authz.issuer, client, back.searchParams.get('ticket') ?? '');
    expect(rpt.status).to.equal(200);
    expect(rpt.body).to.not.have.property('pct');
  });

  it('M.3, F.18, B7: GET spends the ticket; another client cannot use its successors', async () => {
    const ticket = await challenge();
    const page = await start({ ticket });
    expect((await present(authz.issuer, client, ticket)).body.error).to.equal('invalid_grant');
    expect(target(await start({ ticket })).searchParams.get('error')).to.equal('invalid_grant');
    const other = await register(authz.issuer);
    expect((await present(authz.issuer, other, fields(page).ticket ?? '')).body.error).to.equal('invalid_grant');
  });

  it('M.3, M.5: of 10 parallel openings with one ticket one shows the page', async () => {
    const ticket = await challenge();
    const answers = await Promise.all(Array.from({ length: 10 }, () => start({ ticket })));
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
  });

  for (const [what, changes] of Object.entries({
    'an unknown client': { client_id: 'nobody' },
    'an unregistered URI': { claims_redirect_uri: 'https://evil.example/' },
    'a plain redirect_uri': { claims_redirect_uri: 'https://plain.example/' },
    'a longer URI': { claims_redirect_uri: `${BACK}&x=1` },
    'another case': { claims_redirect_uri: 'https://DAPP.example/back?page=1' },
  })) {
    it(`C.2, C.3, F.19: ${what}: a 4xx page, never a redirect, and the ticket is not spent`, async () => {
      const ticket = await challenge();
      const answer = await start({ ticket, ...changes });
      expect(answer.status).to.equal(400);
      expect(answer.headers.get('content-type')).to.include('text/html');
      expect(answer.headers.has('location')).to.equal(false);
      expect((await present(authz.issuer, client, ticket)).body.error).to.equal('need_info');
    });
  }

  it('C.3, F.21: no URI although two are registered, or a repeated parameter: a page', async () => {
    expect((await open({ client_id: client.clientId, ticket: await challenge() })).status).to.equal(400);
    expect((await call(`${authz.issuer}/claims?client_id=a&client_id=b`)).status).to.equal(400);
  });

  it('C.5, F.19: no ticket, or a dead one: back with error and state, keeping the registered query', async () => {
    const missing = target(await open({ client_id: client.clientId, claims_redirect_uri: BACK, state: 's' }));
    expect(missing.href).to.equal(`${BACK}&error=invalid_request&state=s`);
    expect(target(await start({ ticket: 'dead' })).searchParams.get('error')).to.equal('invalid_grant');
  });

  it('C.7, F.19: the party refuses: back with access_denied', async () => {
    const page = await start();
    expect(target(await send(page, '/claims', { action: 'refuse' })).searchParams.get('error')).to.equal(
      'access_denied',
    );
  });

  it('C.6: a form without the cookie, with another token or from elsewhere is refused and spends nothing', async () => {
    const page = await start();
    const attempts = [
      await send(page, '/claims', { action: 'refuse' }, { cookie: '' }),
      await send(page, '/claims', { action: 'refuse', csrf: 'x' }),
      await send(page, '/claims', { action: 'refuse' }, { origin: 'https://evil.example' }),
      await send(page, '/claims', { action: 'refuse' }, { origin: 'null', 'sec-fetch-site': 'cross-site' }),
      await send(page, '/claims/message', { address: WALLET.address }, { cookie: '' }),
    ];
    for (const attempt of attempts) expect(attempt.status).to.equal(403);
    expect(target(await sign(page)).searchParams.has('ticket')).to.equal(true);
  });

  it('C.4: a forged signature shows the page again with the reason and a new ticket', async () => {
    const page = await start();
    const { body } = await send(page, '/claims/message', { address: WALLET.address });
    const again = await send(page, '/claims', {
      action: 'wallet',
      message: body.message,
      signature: `0x${'11'.repeat(65)}`,
    });
    expect(again.status).to.equal(422);
    expect(again.text).to.include('role="alert"');
    expect(fields(again).ticket).to.not.equal(fields(page).ticket);
    const renewed = { ...again, headers: new Headers({ 'set-cookie': cookieOf(page) }) };
    expect(target(await sign(renewed)).searchParams.has('ticket')).to.equal(true);
  });

  it('C.7, B7: the message binds ticket and client; a bad address is refused', async () => {
    const page = await start();
    const { body } = await send(page, '/claims/message', { address: WALLET.address });
    expect(body.message).to.include(`urn:ovsb:client:${client.clientId}`).and.include('urn:ovsb:ticket:');
    expect(body.message).to.include('Use Nimbus with ?Geth? (instance:create).').and.include('This moves no funds.');
    expect((await send(page, '/claims/message', { address: '0x12\n' })).status).to.equal(400);
  });
});
