import { expect } from 'chai';
import { createDataSource } from '../../ormconfig.js';
import { type Anvil, startAnvil } from './support/anvil.js';
import { call, type Harness, post, startHarness, until } from './support/harness.js';

/** What takes a second at most is given more on a busy machine: no test asserts a time. */
const REACHES_WITHIN_MS = 15_000;

/** security.md B3, B5. */
describe('RPC revocation', () => {
  let anvil: Anvil;
  let first: Harness;
  let second: Harness;

  before(async () => {
    anvil = await startAnvil();
    const upstreams = async () => [{ name: 'geth-1', implementation: 'geth', uri: anvil.uri }];
    first = await startHarness(upstreams);
    second = await startHarness(upstreams, {}, first.database);
  });
  after(async () => {
    await second?.stop();
    await first?.stop();
    await anvil?.stop();
  });

  const on = (harness: Harness, bindingId: string) => `${harness.origin}/rpc/${bindingId}`;

  it('B5 unbind on one replica kills both credentials on another', async () => {
    const bound = await first.bind();
    second.guard.issue('rpt', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    const url = on(second, bound.bindingId);
    expect((await post(url, bound.token, call('eth_chainId'))).status).to.equal(200);
    expect((await post(url, 'rpt', call('eth_chainId'))).status).to.equal(200);
    await first.unbind(bound.bindingId);
    await until(async () => (await post(url, bound.token, call('eth_chainId'))).status === 401, REACHES_WITHIN_MS);
    await until(async () => (await post(url, 'rpt', call('eth_chainId'))).status === 401, REACHES_WITHIN_MS);
  });

  it('B5 a lost notification: the poll finds the closing', async () => {
    const bound = await first.bind();
    const url = on(second, bound.bindingId);
    expect((await post(url, bound.token, call('eth_chainId'))).status).to.equal(200);
    await first.database.dataSource.query(
      `UPDATE rpc_endpoint SET closed_at = now(), closed_in_transaction = pg_current_xact_id()::text::bigint
       WHERE binding_id = $1`,
      [bound.bindingId],
    );
    await until(async () => (await post(url, bound.token, call('eth_chainId'))).status === 401, REACHES_WITHIN_MS);
  });

  it('B5 the poll finds a closing that commits long after later transactions', async () => {
    const bound = await first.bind();
    const url = on(second, bound.bindingId);
    const slow = first.database.dataSource.createQueryRunner();
    await slow.startTransaction();
    await slow.query(
      `UPDATE rpc_endpoint SET closed_at = now(), closed_in_transaction = pg_current_xact_id()::text::bigint
       WHERE binding_id = $1`,
      [bound.bindingId],
    );
    for (let count = 0; count < 3; count++) await first.unbind((await first.bind()).bindingId);
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect((await post(url, bound.token, call('eth_chainId'))).status).to.equal(200);
    await slow.commitTransaction();
    await slow.release();
    await until(async () => (await post(url, bound.token, call('eth_chainId'))).status === 401, REACHES_WITHIN_MS);
  });

  it('B5 a verification begun before a revocation is not remembered', async () => {
    const bound = await first.bind();
    first.guard.issue('rpt-slow', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    let release: () => void = () => undefined;
    first.guard.during = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const before = first.guard.identified;
    const asked = post(bound.url, 'rpt-slow', call('eth_chainId'));
    await until(() => first.guard.identified > before);
    first.guard.during = async () => undefined;
    first.guard.revoke('rpt-slow');
    release();
    await asked;
    expect((await post(bound.url, 'rpt-slow', call('eth_chainId'))).status).to.equal(401);
  });

  it('first uses of one token share a verification; later ones need none', async () => {
    const bound = await first.bind();
    first.guard.issue('rpt-many', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    const before = first.guard.identified;
    const all = await Promise.all(Array.from({ length: 20 }, () => post(bound.url, 'rpt-many', call('eth_chainId'))));
    for (const { status } of all) expect(status).to.equal(200);
    expect(first.guard.identified - before).to.be.at.most(3);
  });

  it('a revoked resource or everything: remembered grants go', async () => {
    const bound = await first.bind();
    first.guard.issue('rpt-all', [{ resourceId: bound.resourceId, scopes: ['rpc:read'] }]);
    for (const revocation of [{ kind: 'resource', id: bound.resourceId }, { kind: 'all' }] as const) {
      await post(bound.url, 'rpt-all', call('eth_chainId'));
      const before = first.guard.identified;
      first.guard.tell(revocation);
      await post(bound.url, 'rpt-all', call('eth_chainId'));
      expect(first.guard.identified).to.equal(before + 1);
    }
  });

  it('B3 permissions on other resources, a platform’s or an operator’s standing open nothing', async () => {
    const bound = await first.bind();
    first.guard.issue('platform', [], { kind: 'platform' });
    first.guard.issue('operator', [], { kind: 'operator' });
    first.guard.issue('elsewhere', [{ resourceId: 'other', scopes: ['rpc:read'] }]);
    first.guard.issue('otherwise', [{ resourceId: bound.resourceId, scopes: ['read', 'rpc', 'rpc:READ', 'rpc:*'] }]);
    for (const token of ['platform', 'operator', 'elsewhere', 'otherwise']) {
      expect((await post(bound.url, token, call('eth_chainId'))).status, token).to.equal(401);
    }
  });

  it('failed verifications are limited per address: 429 with Retry-After; good credentials still pass', async () => {
    const harness = await startHarness(async () => [], { clientAddress: () => '192.0.2.1' }, first.database);
    try {
      const bound = await harness.bind();
      const url = on(harness, bound.bindingId);
      const statuses = new Set<number>();
      for (let round = 0; round < 30; round++) {
        const some = Array.from({ length: 30 }, (_, index) =>
          post(url, `guess-${round}-${index}`, call('eth_chainId')),
        );
        for (const { status, headers } of await Promise.all(some)) {
          statuses.add(status);
          if (status === 429) expect(headers.get('retry-after')).to.match(/^\d+$/);
        }
      }
      expect([...statuses].sort()).to.deep.equal([401, 429]);
      expect((await post(url, bound.token, call('eth_chainId'))).status).to.equal(200);
    } finally {
      await harness.stop();
    }
  });

  it('A1 closing all ends every endpoint on every replica; while sealed nothing is believed', async () => {
    let sealed: string | undefined;
    const harness = await startHarness(
      async () => [{ name: 'geth-1', implementation: 'geth', uri: anvil.uri }],
      { sealed: () => sealed },
      first.database,
    );
    try {
      const all = [await first.bind(), await first.bind()];
      const statuses = () =>
        Promise.all(
          all.map(
            async ({ bindingId, token }) => (await post(on(harness, bindingId), token, call('eth_chainId'))).status,
          ),
        );
      expect(await statuses()).to.deep.equal([200, 200]);
      sealed = 'restored';
      expect(await statuses()).to.deep.equal([503, 503]);
      sealed = undefined;
      expect(await statuses()).to.deep.equal([200, 200]);
      await first.database.dataSource.transaction((manager) => first.gateway.closeAllEndpoints(manager));
      await until(async () => (await statuses()).every((status) => status === 401), REACHES_WITHIN_MS);
    } finally {
      await harness.stop();
    }
  });

  it('B5 no word of the database for 3 s: 503 with a correlation id, nothing remembered is believed', async () => {
    const dataSource = await createDataSource(first.database.connection).initialize();
    const harness = await startHarness(
      async () => [{ name: 'geth-1', implementation: 'geth', uri: anvil.uri }],
      { dataSource },
      first.database,
    );
    try {
      const bound = await first.bind();
      const url = on(harness, bound.bindingId);
      expect((await post(url, bound.token, call('eth_chainId'))).status).to.equal(200);
      await dataSource.destroy();
      await until(async () => (await post(url, bound.token, call('eth_chainId'))).status === 503, REACHES_WITHIN_MS);
      const answer = await post(url, bound.token, call('eth_chainId'));
      expect(answer.json.error.data.correlation_id).to.match(/^[0-9a-f-]{36}$/);
      expect(harness.gateway.notReady()).to.be.a('string');
    } finally {
      await harness.stop();
    }
  });
});
