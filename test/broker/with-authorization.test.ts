import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type AuthorizedBroker, authorizedBroker } from '../support/authorized-broker.js';
import { walletParty } from '../support/wallet-party.js';

const CONTEXT = { organization_guid: 'o', space_guid: 's' };

describe('broker with the authorization server', () => {
  let broker: AuthorizedBroker;
  before(async () => {
    broker = await authorizedBroker();
  });
  after(() => broker.close());

  it('a wallet provisions, binds, unbinds and deletes an rpc instance, signing as it goes', async () => {
    const { party } = walletParty(broker.origin);
    const ids = await broker.plan('rpc-ethereum/read');
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
    expect((await broker.endpoints.find(binding))?.groups).to.deep.equal(new Set(['read']));
    const fetched = await call('GET', `${instance}/service_bindings/${binding}`);
    expect(fetched.body.credentials).to.deep.equal(bound.body.credentials);
    expect((await call('DELETE', `${instance}/service_bindings/${binding}?${query}`)).status).to.equal(200);
    expect(await broker.endpoints.find(binding)).to.equal(undefined);
    const again = await call('PUT', `${instance}/service_bindings/${binding}`, ids);
    expect(again.status, 'the id again').to.equal(201);
    expect((await call('DELETE', `${instance}?${query}`)).status).to.equal(200);
    expect(await broker.endpoints.find(binding)).to.equal(undefined);
  });

  it('a wallet asks for a validator plan and polls; B1 beyond its stake is 403; trace is refused', async () => {
    const { party } = walletParty(broker.origin);
    const ids = await broker.plan('validator-nimbus/geth');
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
    const trace = await broker.plan('rpc-ethereum/trace');
    const refused = await call('PUT', `/v2/service_instances/${randomUUID()}`, { ...trace, ...CONTEXT }).catch(String);
    expect(String(refused)).to.contain('request_denied');
  });

  it('B2 a platform has its own instances, and another party’s are not there', async () => {
    const ids = await broker.plan('rpc-ethereum/standard');
    const instance = `/v2/service_instances/${randomUUID()}`;
    expect((await broker.asPlatform('PUT', instance, { ...ids, ...CONTEXT })).status).to.equal(201);
    expect((await broker.asPlatform('GET', instance)).status).to.equal(200);
    const { party } = walletParty(broker.origin);
    await party.call('GET', '/v2/catalog', { statement: 'Read.' });
    const other = await party.call('GET', instance, { statement: 'Read.' });
    expect(other.status).to.equal(404);
    const query = new URLSearchParams(ids).toString();
    expect((await broker.asPlatform('DELETE', `${instance}?${query}`)).status).to.equal(200);
    expect((await broker.asPlatform('GET', `${instance}/last_operation`)).body.state).to.equal('succeeded');
  });

  it('S.1: a broken id is told to nobody without a credential, polls included', async () => {
    for (const path of ['%ff', '%ff/last_operation', 'x/service_bindings/%00/last_operation']) {
      const headers = { 'x-broker-api-version': '2.17' };
      const answer = await fetch(`${broker.origin}/v2/service_instances/${path}`, { headers });
      expect(answer.status, path).to.equal(401);
      expect(answer.headers.get('www-authenticate'), path).to.match(/^UMA /);
      expect((await broker.asPlatform('GET', `/v2/service_instances/${path}`)).status, path).to.equal(400);
    }
  });

  it('takes parallel provisions of many instances', async () => {
    const ids = await broker.plan('rpc-ethereum/read');
    const put = () => broker.asPlatform('PUT', `/v2/service_instances/${randomUUID()}`, { ...ids, ...CONTEXT });
    const statuses = (await Promise.all(Array.from({ length: 60 }, put))).map(({ status }) => status);
    expect(new Set(statuses)).to.deep.equal(new Set([201]));
  });

  it('S.1: an address that asks for too many tickets hears 429 in OSB’s words; a platform behind it is served', async () => {
    const narrow = await authorizedBroker(undefined, { requestsPerSecond: 1 });
    try {
      const headers = { 'x-broker-api-version': '2.17' };
      const flood = await Promise.all(
        Array.from({ length: 30 }, () => fetch(`${narrow.origin}/v2/catalog`, { headers })),
      );
      const refused = flood.find(({ status }) => status === 429);
      expect(flood.filter(({ status }) => status !== 401 && status !== 429)).to.deep.equal([]);
      expect(refused?.headers.get('retry-after')).to.equal('1');
      expect(await refused?.json()).to.have.property('error', 'TooManyRequests');
      expect((await narrow.asPlatform('GET', '/v2/catalog')).status).to.equal(200);
    } finally {
      await narrow.close();
    }
  });
});
