import { expect } from 'chai';
import {
  type Answer,
  bearerOf,
  CLI,
  CLIENT,
  call,
  ensure,
  guardedUrl,
  present,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  token,
  walletClaim,
  walletRpt,
} from '../authz/support.js';

describe('Races at the authorization server', () => {
  let authz: TestAuthorization;
  let plan: string;

  before(async () => {
    authz = await startAuthorization();
    plan = await ensure(authz.server, 'plan', 'a', ['instance:create', 'read']);
  });
  after(() => authz.close());

  const challenge = async (scope = 'instance:create') => ticketIn(await call(guardedUrl(authz.issuer, plan, scope)));
  const times = <T>(count: number, act: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, index) => act(index)));
  const alive = (answers: readonly Answer[]) => answers.filter((answer) => answer.body.error !== 'invalid_grant');

  it('M.5: of 20 parallel presentations of one ticket exactly one is answered with anything but invalid_grant', async () => {
    for (const claimed of [true, false]) {
      const ticket = await challenge();
      const form = claimed ? await walletClaim(authz.issuer, ticket) : {};
      const answers = await times(20, () => present(authz.issuer, CLI, ticket, form));
      expect(alive(answers)).to.have.length(1);
      expect(alive(answers)[0]?.status).to.equal(claimed ? 200 : 403);
    }
  });

  it('M.5, B7: two clients race for one ticket: one of them has it', async () => {
    const ticket = await challenge();
    const answers = await times(20, (index) => present(authz.issuer, index % 2 === 0 ? CLI : CLIENT, ticket));
    expect(alive(answers)).to.have.length(1);
  });

  it('K10: of 10 parallel upgrades of one RPT exactly one carries it over', async () => {
    const old = await walletRpt(authz.issuer, plan, 'instance:create');
    const tickets = await times(10, () => challenge('read'));
    const answers = await times(10, (index) =>
      present(authz.issuer, CLI, tickets[index] ?? '', { rpt: old.body.access_token, pct: old.body.pct }),
    );
    expect(answers.every(({ status }) => status === 200)).to.equal(true);
    expect(answers.filter(({ body }) => body.upgraded === true)).to.have.length(1);
  });

  it('K11: of 10 parallel uses of a public client’s refresh token at most one succeeds', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    const answers = await times(10, () =>
      token(authz.issuer, CLI, { grant_type: 'refresh_token', refresh_token: rpt.body.refresh_token }),
    );
    expect(answers.filter(({ status }) => status === 200).length).to.be.at.most(1);
  });

  it('V.4: revoked during use, an RPT is refused from the revocation’s answer on', async () => {
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    const url = guardedUrl(authz.issuer, plan, 'instance:create');
    let revoked = false;
    const late: number[] = [];
    const caller = async () => {
      for (let call_ = 0; call_ < 30; call_ += 1) {
        const after = revoked;
        const { status } = await call(url, bearerOf(rpt));
        if (after) late.push(status);
      }
    };
    const callers = [caller(), caller(), caller()];
    await call(`${authz.issuer}/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'ovsb-cli', token: rpt.body.access_token }),
    });
    revoked = true;
    await Promise.all(callers);
    expect(late.filter((status) => status !== 401)).to.have.length(0);
  });

  it('R.11: a resource withdrawn while its ticket is presented leaves no usable permission', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await ensure(authz.server, 'open', `passing-${round}`, ['read']);
      const ticket = ticketIn(await call(guardedUrl(authz.issuer, id, 'read')));
      const [answer] = await Promise.all([present(authz.issuer, CLI, ticket), authz.server.protection.withdraw(id)]);
      if (answer.status === 200)
        expect((await call(guardedUrl(authz.issuer, id, 'read'), bearerOf(answer))).status).to.equal(401);
      else expect(answer.body.error).to.equal('invalid_grant');
    }
  });
});
