import { expect } from 'chai';
import { CLI, present, startAuthorization, type TestAuthorization, ticketIn, walletClaim } from '../authz/support.js';
import { type Anvil, startAnvil } from './support/anvil.js';
import { type Answer, type Bound, call, type Harness, post, startHarness } from './support/harness.js';

/** The gateway with the real authorization server as its guard. */
describe('RPC with UMA', () => {
  let anvil: Anvil;
  let authz: TestAuthorization;
  let harness: Harness;
  let bound: Bound;

  before(async () => {
    anvil = await startAnvil();
    authz = await startAuthorization();
    const { guard } = authz.server;
    harness = await startHarness(
      async () => [{ name: 'geth-1', implementation: 'geth', uri: anvil.uri }],
      { guard, onRevocation: (listener) => authz.server.onRevocation(listener) },
      authz.database,
    );
  });
  after(async () => {
    await harness?.stop();
    await authz?.close();
    await anvil?.stop();
  });
  beforeEach(async () => {
    const resourceId = await authz.server.protection.register({
      name: 'an endpoint',
      type: 'binding',
      key: `binding-${Math.random()}`,
      scopes: ['rpc:read', 'rpc:logs', 'rpc:send'],
      attributes: {},
    });
    bound = await harness.bind({ resourceId, groups: ['read', 'logs', 'send'] });
  });

  const challenged = (answer: Answer) => ticketIn({ ...answer, body: answer.json });
  async function rptFor(answer: Answer, more: Record<string, string> = {}): Promise<string> {
    const ticket = challenged(answer);
    const claim = await walletClaim(authz.issuer, ticket);
    const granted = await present(authz.issuer, CLI, ticket, { ...claim, ...more });
    expect(granted.status, granted.text).to.equal(200);
    return granted.body.access_token;
  }

  it('from the 401’s ticket to an RPT to a block number; withdrawn with its resource at once', async () => {
    const refused = await post(bound.url, undefined, call('eth_blockNumber'));
    expect(refused.status).to.equal(401);
    const rpt = await rptFor(refused);
    expect((await post(bound.url, rpt, call('eth_blockNumber'))).json.result).to.equal('0x0');
    expect((await post(bound.url, rpt, call('eth_getLogs', [{}]))).json.result).to.deep.equal([]);
    await authz.database.dataSource.transaction(async (manager) => {
      await harness.gateway.endpoints.close(bound.bindingId, manager);
      await authz.server.protection.withdraw(bound.resourceId, manager);
    });
    expect((await post(bound.url, rpt, call('eth_blockNumber'))).status).to.equal(401);
    expect((await post(bound.url, bound.token, call('eth_blockNumber'))).status).to.equal(401);
  });

  it('the ticket of a missing group upgrades the RPT', async () => {
    const readOnly = await authz.server.guard.challenge([{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    const claim = await walletClaim(authz.issuer, readOnly.ticket);
    const granted = await present(authz.issuer, CLI, readOnly.ticket, claim);
    const rpt: string = granted.body.access_token;
    expect((await post(bound.url, rpt, call('eth_chainId'))).status).to.equal(200);
    const refused = await post(bound.url, rpt, call('eth_getLogs', [{}]));
    expect(refused.status).to.equal(401);
    const upgraded = await rptFor(refused, { rpt });
    expect((await post(bound.url, upgraded, call('eth_getLogs', [{}]))).json.result).to.deep.equal([]);
    expect((await post(bound.url, upgraded, call('eth_chainId'))).status).to.equal(200);
  });

  it('a platform’s account is no credential here', async () => {
    const basic = `Basic ${Buffer.from('platform:platform-password').toString('base64')}`;
    expect((await post(bound.url, undefined, call('eth_chainId'), { authorization: basic })).status).to.equal(401);
    expect((await post(bound.url, 'platform-bearer', call('eth_chainId'))).status).to.equal(401);
  });
});
