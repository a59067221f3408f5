import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import type { Page } from 'playwright-core';
import { createPolicyEngine } from '../../authz/index.js';
import type { PolicyEngine } from '../../authz/policy/types.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { hasBrowser, openBrowser, type TestBrowser } from '../support/browser.js';
import {
  bearerOf,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  WALLET,
} from './support.js';

/** Where screenshots go when somebody wants to look at them. */
const SHOTS = process.env.OVSB_SCREENSHOTS;

/** What the wallet of the page does when asked to sign. */
type Wallet = 'signs' | 'declines' | 'forges' | 'absent';

describe('Claims interaction in a real browser', function () {
  this.timeout(60_000);
  let authz: TestAuthorization;
  let engine: PolicyEngine;
  let browser: TestBrowser;
  let dapp: Server;
  let back: string;
  let client: Required<Credentials>;
  let plan: string;
  let page: Page;
  let violations: string[];

  before(async function () {
    if (!hasBrowser()) {
      console.log('      no Chromium here (apt-get install chromium): the claims pages are not tried in a browser');
      this.skip();
    }
    engine = await createPolicyEngine({
      folder: join(ROOT, 'policies'),
      writableFiles: 'warn',
      logger: createLogger('silent'),
    });
    authz = await startAuthorization({}, undefined, { policy: engine });
    plan = await ensure(authz.server, 'plan', 'rpc-ethereum/read', ['instance:create']);
    dapp = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>Back at the application</title>');
    });
    await new Promise<void>((resolve) => dapp.listen(0, '127.0.0.1', resolve));
    back = `http://127.0.0.1:${(dapp.address() as AddressInfo).port}/back`;
    client = await register(authz.issuer, { client_name: 'Validator Explorer', claims_redirect_uris: [back] });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    dapp?.closeAllConnections();
    dapp?.close();
    await authz?.close();
    engine?.stop();
  });
  afterEach(async function () {
    const { currentTest } = this;
    await page?.close();
    if (currentTest?.state === 'passed') expect(violations, 'CSP violations').to.deep.equal([]);
  });

  const openPage = async (wallet: Wallet, options: { dark?: boolean; phone?: boolean } = {}) => {
    page = await browser.context.newPage();
    const seen: string[] = [];
    violations = seen;
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) seen.push(message.text());
    });
    page.on('pageerror', (fault) => void seen.push(`page error: ${fault.message}`));
    await page.setViewportSize(options.phone === true ? { width: 375, height: 740 } : { width: 900, height: 900 });
    await page.emulateMedia({ colorScheme: options.dark === true ? 'dark' : 'light' });
    if (wallet === 'absent') return;
    await page.exposeFunction('walletSigns', async (hex: string) => {
      const message = Buffer.from(hex.slice(2), 'hex').toString();
      return WALLET.signMessage({ message: wallet === 'forges' ? `${message}.` : message });
    });
    await page.addInitScript(
      ({ address, declines }) => {
        const view = globalThis as unknown as Record<string, unknown>;
        view.ethereum = {
          async request({ method, params }: { method: string; params?: string[] }) {
            if (method === 'eth_requestAccounts') return [address];
            if (declines) throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
            return (view.walletSigns as (hex: string) => Promise<string>)(params?.[0] ?? '');
          },
        };
      },
      { address: WALLET.address.toLowerCase(), declines: wallet === 'declines' },
    );
  };
  const visit = async (changes: Record<string, string> = {}) => {
    const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
    const query = { client_id: client.clientId, ticket, claims_redirect_uri: back, state: 'a&b=c', ...changes };
    return page.goto(`${authz.issuer}/claims?${new URLSearchParams(query)}`);
  };
  const returned = async () => {
    await page.waitForURL((url) => url.href.startsWith(back));
    return new URL(page.url()).searchParams;
  };
  const shot = async (name: string) => {
    if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  /** The role and name of what has the keyboard. */
  const focused = () =>
    page.evaluate('document.activeElement.textContent.trim() || document.activeElement.id') as Promise<string>;
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 20; presses += 1) {
      if ((await focused()) === name) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${name}`);
  };

  it('C.4, C.5, C.7: connect, sign and consent; back with a new ticket and the state; the RPT is granted, with a PCT', async () => {
    await openPage('signs');
    await visit();
    await shot('claims-light');
    await page.getByRole('checkbox', { name: /^Remember this proof for Validator Explorer/ }).check();
    await button('Connect wallet and sign').click();
    const parameters = await returned();
    expect(parameters.get('state')).to.equal('a&b=c');
    const rpt = await present(authz.issuer, client, parameters.get('ticket') ?? '');
    expect(rpt.status, rpt.text).to.equal(200);
    expect(decodeJwt(rpt.body.access_token).sub).to.equal(`eip155:31337:${WALLET.address.toLowerCase()}`);
    expect(rpt.body.pct).to.be.a('string');
    const url = guardedUrl(authz.issuer, plan, 'instance:create');
    expect((await call(url, bearerOf(rpt))).status).to.equal(200);
  });

  it('C.7: by the keyboard alone, without consent: no PCT', async () => {
    await openPage('signs', { phone: true });
    await visit();
    await tabTo('persist');
    await page.keyboard.press('Space');
    expect(await page.getByRole('checkbox').isChecked()).to.equal(true);
    await page.keyboard.press('Space');
    await tabTo('Connect wallet and sign');
    await page.keyboard.press('Enter');
    const rpt = await present(authz.issuer, client, (await returned()).get('ticket') ?? '');
    expect(rpt.status).to.equal(200);
    expect(rpt.body).to.not.have.property('pct');
  });

  it('C.7: the party refuses: back with access_denied and the state', async () => {
    await openPage('signs');
    await visit();
    await tabTo('Refuse');
    await page.keyboard.press('Enter');
    const parameters = await returned();
    expect(Object.fromEntries(parameters)).to.deep.equal({ error: 'access_denied', state: 'a&b=c' });
  });

  it('C.7: the wallet declines: said in words, the page stays, and the keyboard keeps its place', async () => {
    await openPage('declines', { dark: true });
    await visit();
    await tabTo('Connect wallet and sign');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('You declined in your wallet').waitFor();
    expect(await focused()).to.equal('Connect wallet and sign');
    const message = await page.getByRole('region', { name: 'The message you sign', exact: true }).last().textContent();
    expect(message).to.include('This moves no funds').and.include(`urn:ovsb:client:${client.clientId}`);
    await shot('claims-declined-dark');
  });

  it('C.4: a signature of something else: the page again, with the reason in focus and another ticket', async () => {
    await openPage('forges', { phone: true });
    await visit();
    await button('Connect wallet and sign').click();
    await page.getByRole('alert').waitFor();
    expect(await page.title()).to.match(/^Not accepted/);
    expect(await focused()).to.match(/^Not accepted: /);
    await shot('claims-rejected-phone');
  });

  it('C.7: without a wallet the page says so and offers no button for it', async () => {
    await openPage('absent');
    await visit();
    await page.getByRole('status').getByText('No wallet was found').waitFor();
    expect(await button('Connect wallet and sign').isVisible()).to.equal(false);
    expect(await button('Refuse').isVisible()).to.equal(true);
  });

  for (const [what, changes] of Object.entries({
    'an unknown application': { client_id: 'nobody' },
    'an unregistered address': { claims_redirect_uri: 'http://127.0.0.1:1/evil' },
  })) {
    it(`C.3: ${what}: a page that says so and goes nowhere`, async () => {
      await openPage('signs');
      const answer = await visit(changes);
      expect(answer?.status()).to.equal(400);
      expect(await page.getByRole('heading', { level: 1 }).textContent()).to.equal('This request cannot be served');
      expect(await page.getByRole('alert').textContent()).to.match(/not (known|registered)/);
      expect(new URL(page.url()).origin).to.equal(new URL(authz.issuer).origin);
      await shot(`fault-${Object.keys(changes)[0]}`);
    });
  }

  it('C.7: language, landmarks, headings, names and roles as a screen reader finds them; all fits a phone', async () => {
    await openPage('signs', { phone: true });
    await visit();
    expect(await page.evaluate('document.documentElement.lang')).to.equal('en');
    expect(await page.title()).to.equal('Prove who you are');
    const tree = await page.locator('body').ariaSnapshot();
    for (const part of [
      '- banner:',
      '- main:',
      '- heading "Prove who you are" [level=1]',
      '- region "What is asked":',
      '- heading "What is asked" [level=2]',
      '- region "Who asks":',
      '- form "Your proof":',
      '- checkbox "Remember this proof for Validator Explorer, so that I need not sign again"',
      '- button "Connect wallet and sign"',
      '- button "Refuse"',
    ])
      expect(tree).to.include(part);
    expect(tree).to.include('Ethereum account').and.include('instance:create').and.include('unverified client');
    expect(tree).to.not.include('button "Send"');
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).to.equal(true);
    await shot('claims-phone');
  });

  it('B7, C2: the policy of the page stops an inline script, a foreign one, and framing', async () => {
    await openPage('signs');
    await visit();
    await page.evaluate(`
      const inline = document.createElement('script');
      inline.textContent = 'globalThis.ran = true';
      document.body.append(inline);
      const foreign = document.createElement('script');
      foreign.src = '${back}.js';
      document.body.append(foreign);
      document.body.setAttribute('onclick', 'globalThis.ran = true');
      document.body.click();
    `);
    await page.waitForTimeout(200);
    expect(await page.evaluate('globalThis.ran')).to.equal(undefined);
    expect(violations.length).to.be.at.least(3);
    violations = [];
  });
});
