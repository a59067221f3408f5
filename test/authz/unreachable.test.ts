import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import type { Guard } from '../../authz/index.js';
import { type FleetRoutesDeps, fleetRoutes } from '../../src/fleet/fleet-routes.js';
import { lastResort } from '../../src/http/last-resort.js';
import { startHarness } from '../gateway/support/harness.js';
import { testBroker } from '../support/broker.js';
import { memoryGuard } from '../support/memory-guard.js';
import { quietLogger } from '../support/quiet-logger.js';
import { type Answer, call, jsonCall, startAuthorization, type TestAuthorization } from './support.js';

const WARNING = '199 - "UMA Authorization Server Unreachable"';

/** The real guard after its database is gone, behind each protocol's own renderer of errors. */
describe('S.3: authorization server unreachable: 403 and Warning 199 in every protocol', () => {
  let lost: TestAuthorization;

  before(async () => {
    lost = await startAuthorization();
    // Its background work first: a query under way would never end.
    await lost.server.close();
    await lost.database.dataSource.destroy();
  });
  after(() => lost.close());

  const expectUnreachable = (answer: Pick<Answer, 'status' | 'headers'>) => {
    expect(answer.status).to.equal(403);
    expect(answer.headers.get('warning')).to.equal(WARNING);
  };
  const bearer = { authorization: `Bearer ${'x'.repeat(43)}` };

  it('Open Service Broker API and console', async () => {
    const memory = memoryGuard();
    const guard: Guard = { ...memory.guard };
    const broker = await testBroker({ guard, protection: memory.protection });
    Object.assign(guard, lost.server.guard);
    try {
      const path = '/v2/service_instances/one';
      const body = { ...broker.ids('rpc-ethereum/read'), organization_guid: 'o', space_guid: 's' };
      for (const authorization of ['', bearer.authorization]) {
        const answer = await broker.send('PUT', path, { authorization, body });
        expectUnreachable(answer);
        expect(answer.body).to.include({ error: 'AuthorizationServerUnreachable' });
        expectUnreachable(await broker.send('GET', path, { authorization }));
        expectUnreachable(await broker.send('GET', '/console/instances/one', { authorization }));
      }
    } finally {
      await broker.close();
    }
  });

  it('fleet, the operator’s queue, and the last resort', async () => {
    const koa = new Koa();
    koa.use(lastResort(quietLogger));
    // The permission is asked for before anything of the fleet is touched.
    koa.use(fleetRoutes({} as FleetRoutesDeps, lost.server.guard, 'fleet').routes());
    koa.use(async () => {
      await lost.server.guard.challenge([]);
    });
    const http: Server = createServer(koa.callback());
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    try {
      const fleet = await call(`${origin}/fleet/diversity`);
      expectUnreachable(fleet);
      expect(fleet.body.error).to.equal('authorization_server_unreachable');
      expectUnreachable(await call(`${origin}/fleet/plans`, { method: 'POST', headers: bearer }));
      expectUnreachable(await call(`${origin}/elsewhere`));
    } finally {
      http.closeAllConnections();
      http.close();
    }
    expectUnreachable(await jsonCall(`${lost.issuer}/requests`, 'GET', undefined));
    expectUnreachable(await jsonCall(`${lost.issuer}/requests/x/approve`, 'POST', 'x'.repeat(43)));
  });

  it('RPC endpoints, with a correlation id', async () => {
    const harness = await startHarness(async () => [], { guard: lost.server.guard });
    try {
      const { url } = await harness.bind();
      for (const headers of [{}, bearer]) {
        const answer = await call(url, {
          method: 'POST',
          body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
          headers,
        });
        expectUnreachable(answer);
        expect(answer.body.error.data.correlation_id).to.match(/^[0-9a-f-]{36}$/);
      }
    } finally {
      await harness.stop();
    }
  });
});
