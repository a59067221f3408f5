import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { createBroker } from '../../broker/index.js';
import { ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';

const ASYNC = '?accepts_incomplete=true';

describe('broker races', () => {
  let broker: TestBroker;
  const path = (id: string) => `/v2/service_instances/${id}`;
  const body = (key: string, parameters: object = {}) => ({ ...broker.ids(key), ...ORGANIZATION, parameters });
  const count = async (table: string, column: string, id: string) =>
    Number((await broker.dataSource.query(`SELECT count(*) FROM ${table} WHERE ${column} = $1`, [id]))[0].count);

  before(async () => {
    broker = await testBroker();
  });
  after(() => broker.close());

  it('15 twenty parallel identical PUTs make one instance and hear one operation', async () => {
    const id = randomUUID();
    const put = () => broker.send('PUT', path(id) + ASYNC, { body: body('validator-nimbus/geth') });
    const answers = await Promise.all(Array.from({ length: 20 }, put));
    expect(answers.map(({ status }) => status)).to.deep.equal(Array(20).fill(202));
    expect(new Set(answers.map((answer) => answer.body.operation)).size).to.equal(1);
    expect(await count('operation', 'instance_id', id)).to.equal(1);
    expect(broker.fleet.calls.filter((call) => call === `request ${id}`)).to.have.length(1);
  });

  it('15 of twenty parallel different PUTs one wins and the others are 409', async () => {
    const id = randomUUID();
    const put = (_: unknown, n: number) =>
      broker.send('PUT', path(id) + ASYNC, { body: body('validator-nimbus/geth', { keys: n + 1 }) });
    const statuses = (await Promise.all(Array.from({ length: 20 }, put))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).to.have.length(1);
    expect(statuses.filter((status) => status === 409)).to.have.length(19);
  });

  it('22 twenty parallel identical binds make one binding with one token', async () => {
    const id = randomUUID();
    await broker.send('PUT', path(id), { body: body('rpc-ethereum/read') });
    const bind = () =>
      broker.send('PUT', `${path(id)}/service_bindings/${id}`, { body: broker.ids('rpc-ethereum/read') });
    const answers = await Promise.all(Array.from({ length: 20 }, bind));
    expect(answers.filter(({ status }) => status === 201)).to.have.length(1);
    expect(answers.filter(({ status }) => status === 200)).to.have.length(19);
    expect(new Set(answers.map((answer) => answer.body.credentials.bearer_token)).size).to.equal(1);
  });

  it('26 binds beside a delete leave no binding behind', async () => {
    const id = randomUUID();
    await broker.send('PUT', path(id), { body: body('rpc-ethereum/read') });
    const query = new URLSearchParams(broker.ids('rpc-ethereum/read')).toString();
    const bind = (n: number) =>
      broker.send('PUT', `${path(id)}/service_bindings/${id}-${n}`, { body: broker.ids('rpc-ethereum/read') });
    const work = Array.from({ length: 16 }, (_, n) =>
      n === 8 ? broker.send('DELETE', `${path(id)}?${query}`) : bind(n),
    );
    const statuses = (await Promise.all(work)).map(({ status }) => status);
    expect(
      statuses.every((status) => [200, 201, 404, 422].includes(status)),
      statuses.join(),
    ).to.equal(true);
    expect(await count('service_binding', 'instance_id', id)).to.equal(0);
    expect([...broker.endpoints.open_.keys()].filter((name) => name.startsWith(id))).to.deep.equal([]);
  });

  it('two replicas: the same PUT at both makes one instance; the worker that stops mid-way is resumed by the other', async () => {
    const id = randomUUID();
    let live = false;
    broker.fleet.progressOf = () => ({
      state: live ? 'succeeded' : 'in progress',
      status: live ? 'honoured' : 'waiting',
      description: live ? 'live' : 'moving',
      publicKeys: [],
    });
    const first = await createBroker(broker.options);
    const second = await createBroker(broker.options);
    first.worker.start();
    const made = await broker.send('PUT', path(id) + ASYNC, { body: body('validator-nimbus/geth') });
    expect(made.status).to.equal(202);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await first.worker.stop();
    live = true;
    const [claimed] = await broker.dataSource.query('SELECT fence FROM operation WHERE instance_id = $1', [id]);
    expect(Number(claimed.fence)).to.be.above(0);
    second.worker.start();
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
    await second.worker.stop();
  });

  it('a worker that lost its claim records nothing', async () => {
    const id = randomUUID();
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const original = broker.fleet.progress.bind(broker.fleet);
    broker.fleet.progress = async () => {
      await blocked;
      return { state: 'failed', status: 'refused', description: 'too late', publicKeys: [] };
    };
    const slow = await createBroker(broker.options);
    await broker.send('PUT', path(id) + ASYNC, { body: body('validator-nimbus/geth') });
    slow.worker.start();
    const held = async () =>
      (await broker.dataSource.query('SELECT 1 FROM operation WHERE instance_id = $1 AND fence > 0', [id])).length > 0;
    for (let tries = 0; !(await held()) && tries < 50; tries += 1) await new Promise((r) => setTimeout(r, 50));
    await broker.dataSource.query("UPDATE operation SET lease_until = now() - interval '1 s' WHERE instance_id = $1", [
      id,
    ]);
    broker.fleet.progress = async () => ({
      state: 'succeeded',
      status: 'honoured',
      description: 'live',
      publicKeys: [],
    });
    const other = await createBroker(broker.options);
    other.worker.start();
    expect((await settled(broker, path(id))).body).to.include({ state: 'succeeded', description: 'live' });
    release();
    await Promise.all([slow.worker.stop(), other.worker.stop()]);
    expect((await settled(broker, path(id))).body).to.include({ state: 'succeeded', description: 'live' });
    broker.fleet.progress = original;
  });
});
