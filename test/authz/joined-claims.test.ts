import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { ID_TOKEN_FORMAT } from '../../authz/claims/id-token.js';
import { ticketNonce } from '../../authz/claims/ticket-binding.js';
import type { AssessRequest } from '../../authz/policy/types.js';
import { type OpenIdIssuer, OURS, startIssuer } from './openid-issuer.js';
import {
  type Answer,
  bearerOf,
  CLI,
  CLIENT,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  OTHER_WALLET,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  WALLET,
  walletClaim,
} from './support.js';

const BACK = 'https://dapp.example/back';
const ACCOUNT = `eip155:31337:${WALLET.address.toLowerCase()}`;
const OTHER_ACCOUNT = `eip155:31337:${OTHER_WALLET.address.toLowerCase()}`;

describe('Claims of two kinds of one person', () => {
  let authz: TestAuthorization;
  let openId: OpenIdIssuer;
  let site: Required<Credentials>;
  /** Needs an account and know-your-customer level 2. */
  let vault: string;
  /** Needs an e-mail address. */
  let desk: string;
  /** The last question to the policies. */
  let asked: AssessRequest;

  before(async () => {
    openId = await startIssuer();
    const claims = { email: 'email', kyc_level: 'kyc_level', eth_address: 'wallet' };
    authz = await startAuthorization({}, undefined, {
      signIn: [{ name: 'Example ID', issuer: openId.issuer, ...OURS }],
      idTokenIssuers: [{ issuer: openId.issuer, audience: OURS.clientId, claims }],
    });
    authz.policies.rule = (request) => {
      asked = request;
      const { eth_address: account, kyc_level: level, email } = request.claims;
      if (request.resource.type === 'desk') return email === undefined ? 'need_info' : 'permit';
      return account !== undefined && level === 2 ? 'permit' : 'need_info';
    };
    vault = await ensure(authz.server, 'vault', 'one', ['open']);
    desk = await ensure(authz.server, 'desk', 'front', ['sit']);
    site = await register(authz.issuer, { claims_redirect_uris: [BACK] });
  });
  after(async () => {
    await authz.close();
    await openId.close();
  });

  const challenge = async (resource = vault, scope = 'open') =>
    ticketIn(await call(guardedUrl(authz.issuer, resource, scope)));
  const wallet = (account = WALLET) => ({
    claimFor: (ticket: string) => walletClaim(authz.issuer, ticket, {}, account),
  });
  const idToken = (subject: string, claims: Record<string, unknown>, bound = true) => ({
    claimFor: async (ticket: string) => ({
      claim_token: await openId.idToken(subject, { ...claims, ...(bound && { nonce: ticketNonce(ticket) }) }),
      claim_token_format: ID_TOKEN_FORMAT,
    }),
  });
  const alice = idToken('alice', { kyc_level: 2, email: 'alice@example.org' });
  const unbound = idToken('alice', { kyc_level: 2, email: 'alice@example.org' }, false);

  /** Presents one claim token after another, each with the ticket that came last. */
  const prove = async (proofs: readonly (typeof alice)[], client: Credentials = CLI, more = {}) => {
    let ticket = await challenge();
    let answer: Answer | undefined;
    for (const proof of proofs) {
      answer = await present(authz.issuer, client, ticket, { ...more, ...(await proof.claimFor(ticket)) });
      ticket = answer.body.ticket ?? ticket;
    }
    if (answer === undefined) throw new Error('nothing was proved');
    return answer;
  };
  const needInfo = (answer: Answer, without: readonly string[] = []) => {
    expect(answer.status, answer.text).to.equal(403);
    expect(answer.body.error).to.equal('need_info');
    for (const name of without) expect(asked.claims).to.not.have.property(name);
  };
  const joined = async (answer: Answer, account = ACCOUNT) => {
    expect(answer.status, answer.text).to.equal(200);
    expect(decodeJwt(answer.body.access_token).sub).to.equal(account);
    const { body } = await call(guardedUrl(authz.issuer, vault, 'open'), bearerOf(answer));
    expect(body).to.include({ party: account });
    expect(body.claims).to.include({ eth_address: account.split(':')[2], kyc_level: 2 });
  };

  describe('pushed', () => {
    for (const [order, proofs] of [
      ['a wallet, then an ID token', [wallet(), alice]],
      ['an ID token, then a wallet', [alice, wallet()]],
    ] as const) {
      it(`F.30: ${order}: need_info after the first, the RPT of the account after the second`, async () => {
        const [first] = proofs;
        needInfo(await prove([first]), first === alice ? ['eth_address'] : ['kyc_level']);
        await joined(await prove(proofs));
      });
    }

    it('F.30: the account’s own word holds where an ID token speaks of an account as well', async () => {
      const pretender = idToken('alice', { kyc_level: 2, wallet: OTHER_WALLET.address.toLowerCase() });
      await joined(await prove([wallet(), pretender]));
      const earlier = idToken('alice', { wallet: OTHER_WALLET.address.toLowerCase() });
      await joined(await prove([earlier, wallet(), alice]));
    });

    it('F.30: a second account takes the place of all that was proved, the ID token’s claims included', async () => {
      const nobody = idToken('alice', { email: 'alice@example.org' });
      const answer = await prove([nobody, wallet(), wallet(OTHER_WALLET)]);
      needInfo(answer, ['email']);
      expect(asked.principal.party).to.equal(OTHER_ACCOUNT);
      expect(answer.body.error_description).to.include('another party').and.to.include(ACCOUNT);
    });

    it('F.30: a second ID-token subject takes the place of all that was proved, the account included', async () => {
      const answer = await prove([
        wallet(),
        idToken('alice', { email: 'a@example.org' }),
        idToken('bob', { kyc_level: 2 }),
      ]);
      needInfo(answer, ['eth_address', 'email']);
      expect(asked.principal.party).to.equal(`oidc:${openId.issuer}#bob`);
    });

    it('F.30: further claims of the same subject add to the first', async () => {
      await joined(
        await prove([idToken('alice', { email: 'a@example.org' }), wallet(), idToken('alice', { kyc_level: 2 })]),
      );
      expect(asked.claims).to.include({ email: 'a@example.org' });
    });

    it('F.30: an ID token without the ticket’s nonce lends its claims to no account, whichever came first', async () => {
      const after = await prove([wallet(), unbound]);
      needInfo(after, ['eth_address']);
      expect(after.body.error_description).to.include('without the nonce');
      const before = await prove([unbound, wallet()]);
      needInfo(before, ['kyc_level']);
      expect(asked.principal.party).to.equal(ACCOUNT);
      needInfo(await prove([unbound, alice, unbound, wallet()]), ['kyc_level']);
    });

    it('B7: a ticket with one client’s proof joins nothing that another client brings', async () => {
      const first = await prove([wallet()]);
      const { ticket } = first.body;
      const stolen = await present(authz.issuer, CLIENT, ticket, await alice.claimFor(ticket));
      expect(stolen.body.error).to.equal('invalid_grant');
    });
  });

  describe('kept in a PCT', () => {
    it('F.30, K9: what was joined stays joined, also in the next PCT', async () => {
      const { pct } = (await prove([wallet(), alice])).body;
      const ticket = await challenge();
      const again = await present(authz.issuer, CLI, ticket, { pct, ...(await wallet().claimFor(ticket)) });
      await joined(again);
      await joined(await present(authz.issuer, CLI, await challenge(), { pct: again.body.pct }));
    });

    it('F.30, K9: another account beside the PCT of a joined set takes the place of all of it', async () => {
      const { pct } = (await prove([wallet(), alice])).body;
      needInfo(await prove([wallet(OTHER_WALLET)], CLI, { pct }), ['kyc_level', 'email']);
      expect(asked.principal.party).to.equal(OTHER_ACCOUNT);
    });

    const pctOf = async (proof: typeof alice) => {
      const ticket = await challenge(desk, 'sit');
      const rpt = await present(authz.issuer, CLI, ticket, await proof.claimFor(ticket));
      expect(rpt.status, rpt.text).to.equal(200);
      return { pct: rpt.body.pct as string };
    };

    it('F.30, K9: a PCT of one kind joins no proof of another, so that nobody’s identity is lent to an account', async () => {
      needInfo(await prove([wallet()], CLI, await pctOf(alice)), ['kyc_level', 'email']);
      await joined(await prove([wallet(), alice], CLI, await pctOf(alice)));
    });

    it('F.30, K9: a PCT of a token that was not bound joins nothing, nor does such a token join a PCT', async () => {
      needInfo(await prove([wallet()], CLI, await pctOf(unbound)), ['kyc_level', 'email']);
      const { pct } = (await prove([wallet(), alice])).body;
      needInfo(await prove([unbound], CLI, { pct }), ['eth_address']);
      expect(asked.principal.party).to.equal(`oidc:${openId.issuer}#alice`);
    });
  });

  describe('through the claims page', () => {
    const page = async (ticket: string) => {
      const query = new URLSearchParams({ client_id: site.clientId, ticket });
      const shown = await call(`${authz.issuer}/claims?${query}`);
      const cookie = (shown.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const hidden = [...shown.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
      const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
      const send = (path: string, more: Record<string, string>) =>
        call(`${authz.issuer}${path}`, {
          method: 'POST',
          body: new URLSearchParams({ ...fields, ...more }),
          headers: { cookie },
        });
      return { shown, cookie, send };
    };
    const ticketBack = (answer: Answer) => {
      expect(answer.status, answer.text).to.equal(303);
      return new URL(answer.headers.get('location') ?? '').searchParams.get('ticket') ?? '';
    };
    /** The person signs with the wallet on the page. */
    const sign = async (ticket: string) => {
      const { shown, send } = await page(ticket);
      const { message } = (await send('/claims/message', { address: WALLET.address })).body;
      const signature = await WALLET.signMessage({ message });
      const back = await send('/claims', { action: 'wallet', message, signature, persist: 'yes' });
      return { shown, ticket: ticketBack(back) };
    };
    /** The person signs in at the issuer from the page. */
    const signIn = async (ticket: string) => {
      const { shown, cookie, send } = await page(ticket);
      const sent = await send('/claims', { action: 'sign-in-0', persist: 'yes' });
      const url = new URL(sent.headers.get('location') ?? '');
      const query = new URLSearchParams({ code: openId.sign(url), state: url.searchParams.get('state') ?? '' });
      const back = await call(`${authz.issuer}/claims/callback?${query}`, { headers: { cookie } });
      return { shown, ticket: ticketBack(back) };
    };

    for (const [order, [first, second], party] of [
      ['wallet, then sign-in', [sign, signIn], () => ACCOUNT],
      ['sign-in, then wallet', [signIn, sign], () => `oidc:${openId.issuer}#ada`],
    ] as const) {
      it(`F.30, C.4: ${order}: the client is told that more is needed, sends the person again, and gets the account’s RPT`, async () => {
        const once = await first(await challenge());
        expect(once.shown.text).to.not.include('Proved for this request before');
        const more = await present(authz.issuer, site, once.ticket);
        needInfo(more);
        expect(more.body.redirect_user).to.equal(`${authz.issuer}/claims`);
        const twice = await second(more.body.ticket);
        expect(twice.shown.text).to.include('Proved for this request before').and.to.include(party());
        const rpt = await present(authz.issuer, site, twice.ticket);
        await joined(rpt);
        await joined(await present(authz.issuer, site, await challenge(), { pct: rpt.body.pct }));
      });
    }

    it('F.30, C.4: signed on the page, the ID token pushed: they join as well', async () => {
      const { ticket } = await sign(await challenge());
      await joined(await present(authz.issuer, site, ticket, await alice.claimFor(ticket)));
    });

    it('F.30, C.4: consent to a PCT is needed for each proof that would be in it', async () => {
      const { send } = await page(await challenge());
      const { message } = (await send('/claims/message', { address: WALLET.address })).body;
      const signature = await WALLET.signMessage({ message });
      const ticket = ticketBack(await send('/claims', { action: 'wallet', message, signature }));
      const more = await present(authz.issuer, site, ticket);
      const rpt = await present(authz.issuer, site, (await signIn(more.body.ticket)).ticket);
      await joined(rpt);
      expect(rpt.body).to.not.have.property('pct');
    });
  });
});
