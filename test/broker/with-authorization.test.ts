import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import Koa from 'koa';
import {
  type AuthorizationServer,
  createAuthorizationServer,
  createClaimVerifier,
  createPolicyEngine,
} from '../../authz/index.js';
import { type Broker, createBroker } from '../../broker/index.js';
import { systemClock } from '../../src/clock.js';
import { EndpointStore } from '../../src/gateway/endpoint-store.js';
import { UsageLedger } from '../../src/gateway/usage-ledger.js';
import { createDataKey } from '../../src/keys/data-key.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { CLIENT, OPERATOR, PLATFORM } from '../authz/support.js';
import { PAIRS, ScriptedFleet } from '../support/broker.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { walletParty } from '../support/wallet-party.js';

const CONTEXT = { organization_guid: 'o', space_guid: 's' };

/** The broker with the real authorization server, the default policies and the gateway's own table of endpoints. */
describe('broker with the authorization server', () => {
  let database: TestDatabase;
  let http: Server;
  let origin: string;
  let authz: AuthorizationServer;
  let broker: Broker;
  let stopPolicies: () => void;
  let endpoints: EndpointStore;

  before(async () => {
    database = await testDatabase();
    http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const logger = createLogger('silent');
    const dataKey = createDataKey(randomBytes(32));
    const { dataSource, connection } = database;
    const policy = await createPolicyEngine({ folder: join(ROOT, 'policies'), writableFiles: 'warn', logger });
    stopPolicies = () => policy.stop();
    const issuer = `${origin}/authz`;
    authz = await createAuthorizationServer({
      dataSource,
      connection,
      issuer,
      operator: OPERATOR,
      client: CLIENT,
      platforms: [PLATFORM],
      policy,
      claims: createClaimVerifier({ issuer, chainId: 31337 }),
      decisions: { record: async () => undefined },
      facts: async ({ type, attributes }) => ({
        resource: type === 'plan' && attributes.kind === 'validator' ? { share_ppm: 100_000 } : {},
        party: { stake_keys: 1, keys_held: 0 },
      }),
      sealingKey: dataKey,
      clock: systemClock,
      logger,
      options: { requestSubmittedIntervalSeconds: 1, openRegistration: true },
    });
    endpoints = new EndpointStore(dataSource, new UsageLedger(dataSource), () => undefined);
    broker = await createBroker({
      dataSource,
      guard: authz.guard,
      protection: authz.protection,
      fleet: new ScriptedFleet(),
      rpc: endpoints,
      dataKey,
      catalogPath: join(ROOT, 'config/catalog.yaml'),
      offeredPairs: () => PAIRS,
      publicUrl: origin,
      issuer,
      chainId: 31337,
      clock: systemClock,
      logger,
    });
    broker.worker.start();
    const koa = new Koa();
    koa.use(authz.middleware);
    koa.use(broker.routes.routes());
    http.on('request', koa.callback());
  });
  after(async () => {
    await broker.worker.stop();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await authz.close();
    stopPolicies();
    await database.drop();
  });

  const basic = `Basic ${Buffer.from(`${PLATFORM.username}:${PLATFORM.password}`).toString('base64')}`;
  const asPlatform = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(origin + path, {
      method,
      headers: { authorization: basic, 'x-broker-api-version': '2.17', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse((await response.text()) || '{}') };
  };
  async function plan(key: string) {
    const { body } = await asPlatform('GET', '/v2/catalog');
    for (const service of body.services)
      for (const offered of service.plans)
        if (`${service.name}/${offered.name}` === key) return { service_id: service.id, plan_id: offered.id };
    throw new Error(`no plan ${key}`);
  }

  it('a wallet provisions, binds, unbinds and deletes an rpc instance, signing as it goes', async () => {
    const { party } = walletParty(origin);
    const ids = await plan('rpc-ethereum/read');
    const instance = `/v2/service_instances/${randomUUID()}`;
    const binding = randomUUID();
    const query = new URLSearchParams(ids).toString();
    const catalog = await party.call('GET', '/v2/catalog', { statement: 'Read the catalog.' });
    expect(catalog.status).to.equal(200);
    const call = (method: string, path: string, body?: unknown) =>
      party.call(method, path, { statement: 'Test.', ...(body === undefined ? {} : { body }) });
    const made = await call('PUT', instance, { ...ids, ...CONTEXT });
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    expect((await call('GET', instance)).status).to.equal(200);
    const bound = await call('PUT', `${instance}/service_bindings/${binding}`, ids);
    expect(bound.status, JSON.stringify(bound.body)).to.equal(201);
    expect((await endpoints.find(binding))?.groups).to.deep.equal(new Set(['read']));
    const fetched = await call('GET', `${instance}/service_bindings/${binding}`);
    expect(fetched.body.credentials).to.deep.equal(bound.body.credentials);
    expect((await call('DELETE', `${instance}/service_bindings/${binding}?${query}`)).status).to.equal(200);
    expect(await endpoints.find(binding)).to.equal(undefined);
    const again = await call('PUT', `${instance}/service_bindings/${binding}`, ids);
    expect(again.status, 'the id again').to.equal(201);
    expect((await call('DELETE', `${instance}?${query}`)).status).to.equal(200);
    expect(await endpoints.find(binding)).to.equal(undefined);
  });

  it('a wallet asks for a validator plan and polls; B1 beyond its stake is 403; trace is refused', async () => {
    const { party } = walletParty(origin);
    const ids = await plan('validator-nimbus/geth');
    const instance = `/v2/service_instances/${randomUUID()}`;
    const call = (method: string, path: string, body?: unknown) =>
      party.call(method, path, { statement: 'Test.', ...(body === undefined ? {} : { body }) });
    const tooMany = await call('PUT', `${instance}?accepts_incomplete=true`, {
      ...ids,
      ...CONTEXT,
      parameters: { keys: 2 },
    });
    expect(tooMany.status, JSON.stringify(tooMany.body)).to.equal(403);
    expect(String(tooMany.body.description)).to.contain('keys-within-stake');
    const made = await call('PUT', `${instance}?accepts_incomplete=true`, { ...ids, ...CONTEXT });
    expect(made.status, JSON.stringify(made.body)).to.equal(202);
    let state = '';
    for (let tries = 0; tries < 50 && state !== 'succeeded'; tries += 1) {
      const polled = await call('GET', `${instance}/last_operation`);
      expect(polled.status, JSON.stringify(polled.body)).to.equal(200);
      state = String(polled.body.state);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(state).to.equal('succeeded');
    const trace = await plan('rpc-ethereum/trace');
    const refused = await call('PUT', `/v2/service_instances/${randomUUID()}`, { ...trace, ...CONTEXT }).catch(String);
    expect(String(refused)).to.contain('request_denied');
  });

  it('B2 a platform has its own instances, and another party’s are not there', async () => {
    const ids = await plan('rpc-ethereum/standard');
    const instance = `/v2/service_instances/${randomUUID()}`;
    expect((await asPlatform('PUT', instance, { ...ids, ...CONTEXT })).status).to.equal(201);
    expect((await asPlatform('GET', instance)).status).to.equal(200);
    const { party } = walletParty(origin);
    await party.call('GET', '/v2/catalog', { statement: 'Read.' });
    const other = await party.call('GET', instance, { statement: 'Read.' });
    expect(other.status).to.equal(404);
    const query = new URLSearchParams(ids).toString();
    expect((await asPlatform('DELETE', `${instance}?${query}`)).status).to.equal(200);
    expect((await asPlatform('GET', `${instance}/last_operation`)).body.state).to.equal('succeeded');
  });

  it('takes parallel provisions of many instances', async () => {
    const ids = await plan('rpc-ethereum/read');
    const put = () => asPlatform('PUT', `/v2/service_instances/${randomUUID()}`, { ...ids, ...CONTEXT });
    const statuses = (await Promise.all(Array.from({ length: 60 }, put))).map(({ status }) => status);
    expect(new Set(statuses)).to.deep.equal(new Set([201]));
  });
});
