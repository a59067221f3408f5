import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';

describe('OSB 2.17 service instances', () => {
  let broker: TestBroker;
  const path = (id: string) => `/v2/service_instances/${encodeURIComponent(id)}`;
  const ASYNC = '?accepts_incomplete=true';
  const rpc = () => ({ ...broker.ids('rpc-ethereum/read'), ...ORGANIZATION });
  const validator = () => ({ ...broker.ids('validator-nimbus/geth'), ...ORGANIZATION });
  const query = (key: string) => new URLSearchParams(broker.ids(key)).toString();

  before(async () => {
    broker = await testBroker();
    broker.broker.worker.start();
  });
  after(() => broker.close());

  it('17 provisions an rpc plan at once and shows it', async () => {
    const id = randomUUID();
    const made = await broker.send('PUT', path(id), { body: rpc() });
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    expect(made.body.dashboard_url).to.equal(`${broker.origin}/console/instances/${id}`);
    const shown = await broker.send('GET', path(id));
    expect(shown.status).to.equal(200);
    expect(shown.body).to.include(broker.ids('rpc-ethereum/read'));
  });

  it('14 15 16 provisions a validator plan in the background', async () => {
    const id = randomUUID();
    expect((await broker.send('PUT', path(id), { body: validator() })).body.error).to.equal('AsyncRequired');
    const made = await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    expect(made.status, JSON.stringify(made.body)).to.equal(202);
    expect(made.body.operation).to.be.a('string');
    const over = await settled(broker, path(id));
    expect(over.body).to.deep.equal({ state: 'succeeded', description: '1 of 1 keys live' });
    const shown = await broker.send('GET', path(id));
    expect(shown.body.metadata.attributes.wish).to.equal('honoured');
    const deleted = await broker.send(
      'DELETE',
      `${path(id)}?${query('validator-nimbus/geth')}&accepts_incomplete=true`,
    );
    expect(deleted.status).to.equal(202);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
    expect((await broker.send('GET', path(id))).status).to.equal(404);
  });
});
