import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { WishProgress } from '../../src/fleet/index.js';
import { ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';

const ASYNC = '?accepts_incomplete=true';
const HOUR_MS = 3_600_000;

describe('OSB 2.17 service instances', () => {
  let broker: TestBroker;
  let progress: WishProgress['state'];
  const path = (id: string) => `/v2/service_instances/${encodeURIComponent(id)}`;
  const body = (key: string, parameters?: object) => ({
    ...broker.ids(key),
    ...ORGANIZATION,
    ...(parameters ? { parameters } : {}),
  });
  const rpc = (parameters?: object) => body('rpc-ethereum/read', parameters);
  const validator = (parameters?: object) => body('validator-nimbus/geth', parameters);
  const query = (key: string) => `?${new URLSearchParams(broker.ids(key)).toString()}`;
  const deleteAsync = (id: string, key = 'validator-nimbus/geth') =>
    broker.send('DELETE', `${path(id)}${query(key)}&accepts_incomplete=true`);

  async function validatorInstance(parameters?: object): Promise<string> {
    const id = randomUUID();
    const made = await broker.send('PUT', path(id) + ASYNC, { body: validator(parameters) });
    expect(made.status, JSON.stringify(made.body)).to.equal(202);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
    return id;
  }

  before(async () => {
    broker = await testBroker();
    broker.fleet.progressOf = (wish) => ({
      state: progress,
      status: progress === 'succeeded' ? 'honoured' : progress === 'failed' ? 'refused' : 'waiting',
      description: `${progress === 'succeeded' ? wish.keys : 0} of ${wish.keys} keys live on nimbus/geth`,
      publicKeys: [],
    });
    broker.broker.worker.start();
  });
  beforeEach(() => {
    progress = 'succeeded';
  });
  after(() => broker.close());

  it('14 asynchronous without accepts_incomplete is AsyncRequired, and nothing is made', async () => {
    const id = randomUUID();
    const answer = await broker.send('PUT', path(id), { body: validator() });
    expect(answer.status).to.equal(422);
    expect(answer.body.error).to.equal('AsyncRequired');
    expect((await broker.send('GET', `${path(id)}/last_operation`)).status).to.equal(404);
  });

  it('15 a repeat while it runs hears the same operation, finished 200, other attributes 409', async () => {
    progress = 'in progress';
    const id = randomUUID();
    const put = (sent: object) => broker.send('PUT', path(id) + ASYNC, { body: sent });
    const first = await put(validator({ keys: 1, wish: 'soft' }));
    expect(first.status).to.equal(202);
    expect(first.headers.get('retry-after')).to.match(/^\d+$/);
    expect(first.body.dashboard_url).to.equal(`${broker.origin}/console/instances/${id}`);
    const again = await put(validator({ wish: 'soft', keys: 1 }));
    expect([again.status, again.body.operation]).to.deep.equal([202, first.body.operation]);
    const others = [
      validator({ keys: 2, wish: 'soft' }),
      { ...validator({ keys: 1, wish: 'soft' }), organization_guid: 'other' },
      { ...validator({ keys: 1, wish: 'soft' }), space_guid: 'other' },
      body('validator-nimbus/nethermind', { keys: 1, wish: 'soft' }),
      rpc(),
    ];
    for (const other of others) expect((await put(other)).status).to.equal(409);
    progress = 'succeeded';
    await settled(broker, path(id));
    expect((await put(validator({ keys: 1, wish: 'soft' }))).status).to.equal(200);
    expect((await put(validator({ keys: 2 }))).status).to.equal(409);
    expect(broker.fleet.calls.filter((call) => call === `request ${id}`)).to.have.length(1);
  });

  it('16 last_operation: readable while it runs, kept when it is over; unknown operations are not refused', async () => {
    progress = 'in progress';
    const id = randomUUID();
    await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const running = await broker.send('GET', `${path(id)}/last_operation`);
    expect(running.body).to.deep.equal({ state: 'in progress', description: '0 of 1 keys live on nimbus/geth' });
    expect(running.headers.get('retry-after')).to.match(/^\d+$/);
    expect((await broker.send('GET', `${path(id)}/last_operation?operation=nonsense`)).status).to.equal(200);
    progress = 'failed';
    expect((await settled(broker, path(id))).body.state).to.equal('failed');
    progress = 'succeeded';
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await broker.send('GET', `${path(id)}/last_operation`)).body.state).to.equal('failed');
    expect((await broker.send('GET', `${path(randomUUID())}/last_operation`)).status).to.equal(404);
  });

  it('16 after a delete: 200 succeeded for 24 h, then 410, after 30 days 404', async () => {
    const id = randomUUID();
    await broker.send('PUT', path(id), { body: rpc() });
    expect((await broker.send('DELETE', path(id) + query('rpc-ethereum/read'))).status).to.equal(200);
    const poll = () => broker.send('GET', `${path(id)}/last_operation`);
    expect((await poll()).body.state).to.equal('succeeded');
    broker.advance(24 * HOUR_MS);
    expect((await poll()).status).to.equal(410);
    broker.advance(30 * 24 * HOUR_MS);
    for (const job of broker.broker.jobs) await job.run(new AbortController().signal);
    expect((await poll()).status).to.equal(404);
    broker.advance(-31 * 24 * HOUR_MS);
  });

  it('17 unknown ids 400; maintenance_info of another version 422, an empty object counts as absent', async () => {
    const put = (sent: object) => broker.send('PUT', path(randomUUID()), { body: sent });
    expect((await put({ ...rpc(), service_id: randomUUID() })).status).to.equal(400);
    expect((await put({ ...rpc(), plan_id: broker.ids('validator-nimbus/geth').plan_id })).status).to.equal(400);
    const other = await put({ ...rpc(), maintenance_info: { version: '9.9.9' } });
    expect([other.status, other.body.error]).to.deep.equal([422, 'MaintenanceInfoConflict']);
    expect((await put({ ...rpc(), maintenance_info: {} })).status).to.equal(201);
    expect((await put({ ...rpc(), maintenance_info: { version: '1.0.0', description: 'x' } })).status).to.equal(201);
  });

  it('18 GET: 404 while provisioning and unknown, 422 while updating', async () => {
    progress = 'in progress';
    const id = randomUUID();
    await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    expect((await broker.send('GET', path(id))).status).to.equal(404);
    progress = 'succeeded';
    await settled(broker, path(id));
    const shown = await broker.send('GET', path(id));
    expect(shown.status).to.equal(200);
    expect(shown.body.metadata.attributes.wish).to.equal('honoured');
    expect(shown.body.maintenance_info.version).to.equal('1.0.0');
    progress = 'in progress';
    const update = { ...broker.ids('validator-nimbus/geth'), parameters: { keys: 2 } };
    expect((await broker.send('PATCH', path(id) + ASYNC, { body: update })).status).to.equal(202);
    const busy = await broker.send('GET', path(id));
    expect([busy.status, busy.body.error]).to.deep.equal([422, 'ConcurrencyError']);
    const bind = await broker.send('PUT', `${path(id)}/service_bindings/b-${id}`, {
      body: broker.ids('validator-nimbus/geth'),
    });
    expect([bind.status, bind.body.error]).to.deep.equal([422, 'ConcurrencyError']);
    progress = 'succeeded';
    await settled(broker, path(id));
  });

  it('19 PATCH: what is absent stays; repeats hear the same operation; no change is 200', async () => {
    const id = await validatorInstance({ keys: 1, graffiti: 'hello' });
    progress = 'in progress';
    const { service_id } = broker.ids('validator-nimbus/geth');
    const patch = (sent: object) => broker.send('PATCH', path(id) + ASYNC, { body: { service_id, ...sent } });
    expect((await patch({})).status).to.equal(200);
    expect((await patch({ parameters: { graffiti: 'hello' } })).status).to.equal(200);
    const without = { service_id, parameters: { keys: 2 } };
    expect((await broker.send('PATCH', path(id), { body: without })).body.error).to.equal('AsyncRequired');
    const first = await patch({ parameters: { keys: 2 } });
    expect(first.status).to.equal(202);
    const again = await patch({ parameters: { keys: 2 } });
    expect([again.status, again.body.operation]).to.deep.equal([202, first.body.operation]);
    const other = await patch({ parameters: { keys: 3 } });
    expect([other.status, other.body.error]).to.deep.equal([422, 'ConcurrencyError']);
    progress = 'succeeded';
    await settled(broker, path(id));
    const shown = await broker.send('GET', path(id));
    expect(shown.body.parameters).to.deep.equal({ keys: 2, graffiti: 'hello' });
    expect(shown.body.plan_id).to.equal(broker.ids('validator-nimbus/geth').plan_id);
  });

  it('19 PATCH changes the plan within its service, to an offered plan only', async () => {
    const id = await validatorInstance();
    const { service_id } = broker.ids('validator-nimbus/geth');
    const patch = (plan_id: string) => broker.send('PATCH', path(id) + ASYNC, { body: { service_id, plan_id } });
    expect((await patch(broker.ids('validator-nimbus/nethermind').plan_id)).status).to.equal(202);
    await settled(broker, path(id));
    expect(broker.fleet.wishes.get(id)?.members).to.deep.equal([{ consensus: 'nimbus', execution: 'nethermind' }]);
    expect((await broker.send('GET', path(id))).body.plan_id).to.equal(
      broker.ids('validator-nimbus/nethermind').plan_id,
    );
    expect((await patch(randomUUID())).status).to.equal(400);
    expect((await patch(broker.ids('validator-teku/nethermind').plan_id)).status).to.equal(400);
  });

  it('6 a failed update changes nothing and says what is left', async () => {
    const id = await validatorInstance({ keys: 1 });
    progress = 'failed';
    const sent = { ...broker.ids('validator-nimbus/geth'), parameters: { keys: 2 } };
    await broker.send('PATCH', path(id) + ASYNC, { body: sent });
    const over = (await settled(broker, path(id))).body;
    expect(over).to.include({ state: 'failed', instance_usable: true, update_repeatable: true });
    progress = 'succeeded';
    expect((await broker.send('GET', path(id))).body.parameters).to.deep.equal({ keys: 1 });
    expect(broker.fleet.wishes.get(id)?.keys).to.equal(1);
  });

  it('6 the fleet’s refusal is a 403 and nothing is made', async () => {
    const id = randomUUID();
    const answer = await broker.send('PUT', path(id) + ASYNC, { body: validator({ keys: 101 }) });
    expect([answer.status, answer.body.error]).to.deep.equal([403, 'StakeExceeded']);
    expect((await broker.send('GET', `${path(id)}/last_operation`)).status).to.equal(404);
  });

  it('20 DELETE: ids required and this offering’s (400), absent 410; repeats hear the same operation', async () => {
    const id = await validatorInstance();
    const url = (ids: object) =>
      `${path(id)}?${new URLSearchParams({ ...ids, accepts_incomplete: 'true' }).toString()}`;
    const { service_id, plan_id } = broker.ids('validator-nimbus/geth');
    expect((await broker.send('DELETE', url({ service_id }))).status).to.equal(400);
    expect((await broker.send('DELETE', url({ plan_id }))).status).to.equal(400);
    expect((await broker.send('DELETE', url(broker.ids('rpc-ethereum/read')))).status).to.equal(400);
    expect((await broker.send('DELETE', path(id) + query('validator-nimbus/geth'))).body.error).to.equal(
      'AsyncRequired',
    );
    const absent = await broker.send('DELETE', path(randomUUID()) + query('rpc-ethereum/read'));
    expect([absent.status, absent.body.error]).to.deep.equal([410, 'Gone']);
    expect((await broker.send('DELETE', path(randomUUID()))).status).to.equal(400);
    const first = await deleteAsync(id);
    expect(first.status).to.equal(202);
    const again = await deleteAsync(id);
    if (again.status === 202) expect(again.body.operation).to.equal(first.body.operation);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
    expect((await deleteAsync(id)).status).to.equal(410);
  });

  it('20 21 DELETE halts a creation; a failed one can always be deleted; its id is free again', async () => {
    progress = 'in progress';
    const id = randomUUID();
    await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    expect((await deleteAsync(id)).status).to.equal(202);
    expect(broker.fleet.wishes.has(id)).to.equal(false);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');

    progress = 'failed';
    await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    expect((await settled(broker, path(id))).body.state).to.equal('failed');
    expect(broker.fleet.wishes.has(id)).to.equal(false);
    expect((await broker.send('PUT', path(id) + ASYNC, { body: validator() })).status).to.equal(409);
    expect((await deleteAsync(id)).status).to.equal(202);
    await settled(broker, path(id));
    progress = 'succeeded';
    expect((await broker.send('PUT', path(id) + ASYNC, { body: validator() })).status).to.equal(202);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
  });

  it('Fixed: PATCH of an unknown id is 404; an rpc plan may be asked for asynchronously', async () => {
    expect((await broker.send('PATCH', path(randomUUID()), { body: broker.ids('rpc-ethereum/read') })).status).to.equal(
      404,
    );
    const id = randomUUID();
    expect((await broker.send('PUT', path(id) + ASYNC, { body: rpc() })).status).to.equal(202);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
  });

  it('an rpc instance follows only a validator instance of its own party', async () => {
    const own = await validatorInstance();
    const put = (id: string) => broker.send('PUT', path(randomUUID()), { body: rpc({ validator_instance_id: id }) });
    expect((await put(own)).status).to.equal(201);
    const other = await put(randomUUID());
    expect(other.status).to.equal(400);
    expect(other.body.description).to.contain('validator_instance_id');
  });

  it('an operation that outlives maximum_polling_duration has failed', async () => {
    progress = 'in progress';
    const id = randomUUID();
    await broker.send('PUT', path(id) + ASYNC, { body: validator() });
    broker.advance(25 * HOUR_MS);
    const over = await settled(broker, path(id));
    broker.advance(-25 * HOUR_MS);
    expect(over.body.description).to.contain('not finished within 86400 s');
  });
});
