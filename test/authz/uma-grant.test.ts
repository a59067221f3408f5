import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import {
  bearerOf,
  CLI,
  call,
  ensure,
  guardedUrl,
  present,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  walletClaim,
} from './support.js';

describe('UMA grant, first light', () => {
  let authz: TestAuthorization;
  let plan: string;

  before(async () => {
    authz = await startAuthorization();
    plan = await ensure(authz.server, 'plan', 'validator-nimbus/geth', ['instance:create']);
  });
  after(() => authz.close());

  it('S, E, K5: 401 with a ticket, need_info with a new ticket, RPT, granted', async () => {
    const refused = await call(guardedUrl(authz.issuer, plan, 'instance:create'));
    expect(refused.status).to.equal(401);
    const first = ticketIn(refused);
    const needed = await present(authz.issuer, CLI, first);
    expect(needed.status, needed.text).to.equal(403);
    expect(needed.body.error).to.equal('need_info');
    expect(needed.body.ticket).to.be.a('string').and.not.equal(first);
    expect(needed.body.required_claims[0].name).to.equal('eth_address');
    const rpt = await present(
      authz.issuer,
      CLI,
      needed.body.ticket,
      await walletClaim(authz.issuer, needed.body.ticket),
    );
    expect(rpt.status, rpt.text).to.equal(200);
    const granted = await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(rpt));
    expect(granted.status).to.equal(200);
    expect(granted.body.party).to.match(/^eip155:31337:0x[0-9a-f]{40}$/);
    expect(decodeProtectedHeader(rpt.body.access_token).typ).to.equal('at+jwt');
    expect(decodeJwt(rpt.body.access_token).policy_set).to.equal('policies-1');
  });
});
