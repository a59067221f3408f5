import { SecretKey } from '@chainsafe/blst';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { type Anvil, startAnvil } from '../gateway/support/anvil.js';
import { blsClaim } from './claims/support/bls-claim.js';
import { CONTRACT, nodeCall, walletCode } from './claims/support/contract-account.js';
import {
  type Answer,
  CLI,
  call,
  ensure,
  guardedUrl,
  OTHER_WALLET,
  present,
  type Signer,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  WALLET,
  walletClaim,
} from './support.js';

const MINUTE = 60_000;

describe('Claim formats at the token endpoint', () => {
  let anvil: Anvil;
  let authz: TestAuthorization;
  let plan: string;

  before(async function () {
    this.timeout(60_000);
    anvil = await startAnvil();
    await nodeCall(anvil.uri, 'anvil_setCode', [CONTRACT, walletCode(WALLET.address)]);
    await nodeCall(anvil.uri, 'anvil_mine', ['0x50']);
    const lifetimes = { refreshToken: 45 * 60, pct: 2 * 3600, shortPct: 3600 };
    authz = await startAuthorization({ lifetimes }, undefined, { executionNodeUris: () => [anvil.uri] });
    plan = await ensure(authz.server, 'plan', 'validator-nimbus/geth', ['instance:create']);
  });
  after(async () => {
    await authz.close();
    await anvil.stop();
  });
  afterEach(() => {
    authz.skewMs = 0;
  });

  const challenge = async () => ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
  const by = (wallet: typeof WALLET): Signer => ({
    address: CONTRACT,
    signMessage: (text) => wallet.signMessage(text),
  });
  const grant = async (signer: Signer) => {
    const ticket = await challenge();
    return present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket, {}, signer));
  };
  const refresh = (answer: Answer) =>
    token(authz.issuer, CLI, { grant_type: 'refresh_token', refresh_token: answer.body.refresh_token });

  it('EIP-1271: a contract wallet is the party; a signature that it refuses is invalid_grant', async () => {
    const rpt = await grant(by(WALLET));
    expect(rpt.status, rpt.text).to.equal(200);
    expect(decodeJwt(rpt.body.access_token).sub).to.equal(`eip155:31337:${CONTRACT}`);
    const refused = await grant(by(OTHER_WALLET));
    expect(refused.status).to.equal(400);
    expect(refused.body.error).to.equal('invalid_grant');
  });

  it('BLS withdrawal key: the key is the party, the proof is bound to the ticket', async () => {
    const key = SecretKey.fromKeygen(Buffer.alloc(32, 7));
    const publicKey = key.toPublicKey().toHex();
    const resource = await ensure(authz.server, 'open', 'bls', ['read']);
    const ticket = ticketIn(await call(guardedUrl(authz.issuer, resource, 'read')));
    const replayed = blsClaim(authz.issuer, ticket, key);
    const rpt = await present(authz.issuer, CLI, ticket, replayed);
    expect(rpt.status, rpt.text).to.equal(200);
    expect(decodeJwt(rpt.body.access_token).sub).to.equal(`bls:${publicKey}`);
    const again = await present(authz.issuer, CLI, await challenge(), replayed);
    expect(again.body.error).to.equal('need_info');
  });

  for (const [what, signer, minutes] of [
    ['a plain account’s proof is kept as long as a PCT', WALLET, 120],
    ['a contract wallet’s for an hour (EIP-1271)', by(WALLET), 60],
  ] as const) {
    it(`B4: refreshing outlives no proof: ${what}`, async () => {
      let latest = await grant(signer);
      for (const soon of [40, 80, 110].filter((minute) => minute < minutes)) {
        authz.skewMs = soon * MINUTE;
        latest = await refresh(latest);
        expect(latest.status, latest.text).to.equal(200);
      }
      authz.skewMs = (minutes + 1) * MINUTE;
      expect((await refresh(latest)).body.error).to.equal('invalid_grant');
    });
  }
});
