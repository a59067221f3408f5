import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Middleware, MiddlewareProgress, MiddlewareRequest } from '../../broker/index.js';
import { DomainError } from '../../src/errors.js';
import { ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';

const KEY = `0x${'Cd'.repeat(48)}`;
const FEE_RECIPIENT = `0x${'12'.repeat(20)}`;

/** A relay of the tests: registrations by instance. */
class Relay implements Middleware {
  readonly registered = new Map<string, MiddlewareRequest>();
  answer: MiddlewareProgress = { state: 'succeeded', description: '1 of 1 keys registered' };
  refusal: DomainError | undefined;
  faults = 0;

  async configure(request: MiddlewareRequest): Promise<MiddlewareProgress> {
    if (this.refusal) throw this.refusal;
    if (this.faults > 0) {
      this.faults -= 1;
      throw new Error('relay unreachable');
    }
    this.registered.set(request.instanceId, request);
    return this.answer;
  }
  async remove(instanceId: string): Promise<void> {
    this.registered.delete(instanceId);
  }
}

describe('broker operations', () => {
  const relay = new Relay();
  let broker: TestBroker;
  const path = (id: string) => `/v2/service_instances/${id}`;
  const RELAYS = 'middleware-mev-boost/relays';
  const provision = (id: string, parameters: object) =>
    broker.send('PUT', `${path(id)}?accepts_incomplete=true`, {
      body: { ...broker.ids(RELAYS), ...ORGANIZATION, parameters },
    });
  const GOOD = { public_keys: [KEY], fee_recipient: FEE_RECIPIENT };

  before(async () => {
    broker = await testBroker({ middleware: relay });
    broker.broker.worker.start();
  });
  after(() => broker.close());

  it('a middleware instance is registered with the relay and removed with the instance', async () => {
    const id = randomUUID();
    expect((await provision(id, { fee_recipient: FEE_RECIPIENT })).status).to.equal(400);
    expect((await provision(id, GOOD)).status).to.equal(202);
    expect((await settled(broker, path(id))).body.description).to.equal('1 of 1 keys registered');
    expect(relay.registered.get(id)).to.deep.include({ publicKeys: [KEY.toLowerCase()], feeRecipient: FEE_RECIPIENT });
    const bind = await broker.send('PUT', `${path(id)}/service_bindings/m`, { body: broker.ids(RELAYS) });
    expect(bind.status, 'not bindable').to.equal(400);
    const query = new URLSearchParams({ ...broker.ids(RELAYS), accepts_incomplete: 'true' }).toString();
    expect((await broker.send('DELETE', `${path(id)}?${query}`)).status).to.equal(202);
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
    expect(relay.registered.has(id)).to.equal(false);
  });

  it('a refusal in the background ends the operation with its reason', async () => {
    relay.refusal = new DomainError('KeyNotControlled', 'the key is not under your control');
    const id = randomUUID();
    await provision(id, GOOD);
    const over = await settled(broker, path(id));
    relay.refusal = undefined;
    expect(over.body).to.deep.equal({ state: 'failed', description: 'refused: the key is not under your control' });
  });

  it('a fault on the way is tried again', async () => {
    relay.faults = 1;
    const id = randomUUID();
    await provision(id, GOOD);
    await broker.dataSource.query("UPDATE operation SET next_run_at = now() WHERE state = 'in progress'");
    for (let tries = 0; tries < 40 && relay.faults > 0; tries += 1) await new Promise((r) => setTimeout(r, 50));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await broker.dataSource.query("UPDATE operation SET next_run_at = now() WHERE state = 'in progress'");
    expect((await settled(broker, path(id))).body.state).to.equal('succeeded');
  });

  it('lists operations: a platform its own, the operator all', async () => {
    const own = await broker.send('GET', '/broker/operations');
    expect(own.status).to.equal(403);
    const permission = { resourceId: broker.guard.resourceId('broker', 'broker') ?? '', scopes: ['read'] };
    const operator = broker.guard.bearer({ party: 'client:operator', kind: 'operator' }, [permission]);
    const listed = await broker.send('GET', '/broker/operations?state=succeeded', { authorization: operator });
    expect(listed.status).to.equal(200);
    expect(listed.body.operations[0]).to.include({ plan: RELAYS, state: 'succeeded', party: 'platform:platform' });
    expect(listed.body.operations[0].created_at).to.match(/^\d{4}-.*Z$/);
    expect((await broker.send('GET', '/broker/operations?state=x', { authorization: operator })).status).to.equal(400);
    expect((await broker.send('GET', '/broker/operations', { authorization: '' })).status).to.equal(401);
  });
});
