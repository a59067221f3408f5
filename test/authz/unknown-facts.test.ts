import { expect } from 'chai';
import { until } from '../support/until.js';
import {
  type Answer,
  bearerOf,
  CLI,
  call,
  ensure,
  guardedUrl,
  standardRule,
  startAuthorization,
  type TestAuthorization,
  token,
  walletRpt,
} from './support.js';

/** Grants by a live share, across a restart with edited policies (security.md B4). */
describe('B4: facts that nobody has looked for yet', function () {
  this.timeout(60_000);
  let earlier: TestAuthorization;
  let authz: TestAuthorization;
  let plan: string;
  let ready = false;
  let share: number | undefined;

  before(async () => {
    earlier = await startAuthorization();
    plan = await ensure(earlier.server, 'plan', 'a', ['instance:create']);
  });
  after(() => earlier.close());
  beforeEach(() => {
    ready = false;
    share = undefined;
  });
  afterEach(() => authz.close());

  /** A later start, whose policies ask for a share below a third. */
  const restart = async () => {
    authz = await startAuthorization({}, earlier, {
      facts: async () => ({ resource: share === undefined ? {} : { share_ppm: share }, party: {} }),
      factsReady: () => ready,
    });
    authz.policies.change((request) => {
      const { share_ppm: known } = request.resource.attributes;
      return request.resource.type !== 'plan' || (typeof known === 'number' && known < 333_333)
        ? standardRule(request)
        : 'deny';
    });
  };
  const status = async (rpt: Answer) =>
    (await call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(rpt))).status;
  const refresh = (rpt: Answer) =>
    token(authz.issuer, CLI, { grant_type: 'refresh_token', refresh_token: rpt.body.refresh_token });
  const asked = () =>
    until('a re-assessment', 20_000, async () =>
      authz.decisions.some(({ occasion }) => occasion === 'reassessment') ? true : undefined,
    );

  it('end no grant; it stands when they are known and permit it, and its refresh token was not spent', async () => {
    const rpt = await walletRpt(earlier.issuer, plan, 'instance:create');
    await restart();
    await asked();
    expect(await status(rpt)).to.equal(200);
    const refused = await refresh(rpt);
    expect(refused.status).to.equal(503);
    expect(refused.body.error).to.equal('temporarily_unavailable');
    share = 100_000;
    ready = true;
    const refreshed = await refresh(rpt);
    expect(refreshed.status, refreshed.text).to.equal(200);
    expect(await status(refreshed)).to.equal(200);
  });

  it('are asked for again once they are known: then what they deny ends', async () => {
    const rpt = await walletRpt(earlier.issuer, plan, 'instance:create');
    await restart();
    await asked();
    expect(await status(rpt)).to.equal(200);
    share = 400_000;
    ready = true;
    await until('the end of the grant', 20_000, async () => ((await status(rpt)) === 401 ? true : undefined));
  });
});
