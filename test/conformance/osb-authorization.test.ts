import { randomUUID } from 'node:crypto';
import { getEncryptionPublicKey } from '@metamask/eth-sig-util';
import { expect } from 'chai';
import type { Permission } from '../../authz/index.js';
import { type Answer, ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';
import { OTHER_PLATFORM } from '../support/memory-guard.js';

const ALICE = `eip155:31337:0x${'a1'.repeat(20)}`;
const MALLORY = `eip155:31337:0x${'b2'.repeat(20)}`;
const READ = 'rpc-ethereum/read';
const NIMBUS = 'validator-nimbus/geth';
const ASYNC = '?accepts_incomplete=true';

describe('OSB 2.17 through UMA: the one gate', () => {
  let broker: TestBroker;
  const path = (id: string) => `/v2/service_instances/${id}`;
  const body = (key: string, parameters?: object) => ({
    ...broker.ids(key),
    ...ORGANIZATION,
    ...(parameters ? { parameters } : {}),
  });
  const planPermission = (key: string): Permission => ({
    resourceId: broker.guard.resourceId('plan', key) ?? '',
    scopes: ['instance:create'],
  });
  const instancePermission = (id: string, ...scopes: string[]): Permission => ({
    resourceId: broker.guard.resourceId('instance', id) ?? '',
    scopes,
  });
  const brokerPermission = () => ({
    resourceId: broker.guard.resourceId('broker', 'broker'),
    scopes: ['instance:create'],
  });
  const ticketOf = (answer: Answer) => {
    expect(answer.status).to.equal(401);
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    const [, ticket = ''] = /ticket="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '') ?? [];
    return broker.guard.tickets.get(ticket);
  };
  /** An rpc instance of Alice's, and her token. */
  async function alices(): Promise<{ id: string; alice: string }> {
    const alice = broker.guard.bearer({ party: ALICE }, [planPermission(READ)]);
    const id = randomUUID();
    const made = await broker.send('PUT', path(id), { body: body(READ), authorization: alice });
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    return { id, alice };
  }

  before(async () => {
    broker = await testBroker();
    broker.broker.worker.start();
  });
  after(() => broker.close());

  it('without a credential: a ticket for the plan the body names, else for the broker', async () => {
    const put = (sent: unknown, headers: Record<string, string> = {}) =>
      broker.send('PUT', path(randomUUID()), { body: sent, authorization: '', headers });
    const plan = ticketOf(await put(body(READ)));
    expect(plan).to.deep.equal([planPermission(READ)]);
    expect(ticketOf(await put(broker.ids(NIMBUS))), 'nothing else of the body matters').to.deep.equal([
      planPermission(NIMBUS),
    ]);
    const others = [
      '{',
      '[]',
      JSON.stringify({ service_id: 1, plan_id: {} }),
      'x'.repeat(100_000),
      JSON.stringify(ORGANIZATION),
    ];
    for (const other of others)
      expect(ticketOf(await put(other)), other.slice(0, 20)).to.deep.equal([brokerPermission()]);
    expect(ticketOf(await put(body(READ), { 'Content-Type': 'text/plain' }))).to.deep.equal([brokerPermission()]);
  });

  it('without a credential elsewhere: a ticket for the instance or binding, for the broker when there is none', async () => {
    const { id, alice } = await alices();
    const ask = (method: string, url: string) => broker.send(method, url, { authorization: '' });
    expect(ticketOf(await ask('GET', path(id)))).to.deep.equal([instancePermission(id, 'read')]);
    expect(ticketOf(await ask('GET', `${path(id)}/last_operation`))).to.deep.equal([instancePermission(id, 'read')]);
    expect(ticketOf(await ask('PATCH', path(id)))).to.deep.equal([instancePermission(id, 'update')]);
    expect(ticketOf(await ask('DELETE', path(id)))).to.deep.equal([instancePermission(id, 'delete')]);
    expect(ticketOf(await ask('PUT', `${path(id)}/service_bindings/b`))).to.deep.equal([
      instancePermission(id, 'bind'),
    ]);
    for (const method of ['GET', 'PATCH', 'DELETE'])
      expect(ticketOf(await ask(method, path(randomUUID())))).to.deep.equal([brokerPermission()]);
    broker.guard.grant(alice, instancePermission(id, 'bind'));
    const bound = await broker.send('PUT', `${path(id)}/service_bindings/b-${id}`, {
      body: broker.ids(READ),
      authorization: alice,
    });
    expect(bound.status).to.equal(201);
    const binding = broker.guard.resourceId('binding', `b-${id}`);
    expect(ticketOf(await ask('GET', `${path(id)}/service_bindings/b-${id}`))).to.deep.equal([
      { resourceId: binding, scopes: ['read'] },
    ]);
  });

  it('an RPT for another plan or scope is 401 with a ticket for what lacks', async () => {
    const token = broker.guard.bearer({ party: ALICE }, [planPermission(READ)]);
    const other = await broker.send('PUT', path(randomUUID()) + ASYNC, { body: body(NIMBUS), authorization: token });
    expect(ticketOf(other)).to.deep.equal([planPermission(NIMBUS)]);
    const { id, alice } = await alices();
    expect(ticketOf(await broker.send('GET', path(id), { authorization: alice }))).to.deep.equal([
      instancePermission(id, 'read'),
    ]);
    broker.guard.grant(alice, instancePermission(id, 'read'));
    expect((await broker.send('GET', path(id), { authorization: alice })).status).to.equal(200);
    expect((await broker.send('DELETE', path(id), { authorization: alice })).status).to.equal(401);
  });

  it('authentication comes before body validation: faults are told only to who may create', async () => {
    const nobody = broker.guard.bearer({ party: MALLORY });
    const creator = broker.guard.bearer({ party: ALICE }, [planPermission(READ)]);
    for (const broken of ['{', '{"service_id":"x","plan_id":"y"}', '[]']) {
      expect((await broker.send('PUT', path(randomUUID()), { body: broken, authorization: nobody })).status).to.equal(
        401,
      );
      expect((await broker.send('PUT', path(randomUUID()), { body: broken, authorization: creator })).status).to.equal(
        400,
      );
    }
  });

  it('B1 the policies are asked again with the parameters; a denial is 403 with the reason and nothing is made', async () => {
    const token = broker.guard.bearer({ party: ALICE }, [planPermission(NIMBUS)]);
    const usual = broker.guard.decide;
    broker.guard.decide = (question) => ('fee_recipient' in question.context ? 'deny' : usual(question));
    const id = randomUUID();
    const fee_recipient = `0x${'Ab'.repeat(20)}`;
    const put = (parameters: object) =>
      broker.send('PUT', path(id) + ASYNC, { body: body(NIMBUS, parameters), authorization: token });
    const denied = await put({ keys: 1, fee_recipient });
    expect(denied.status).to.equal(403);
    expect(denied.body).to.deep.equal({ error: 'Forbidden', description: 'test policy says deny' });
    const asked = broker.guard.questions.at(-1);
    expect(asked?.context).to.include({ keys: 1, fee_recipient: fee_recipient.toLowerCase() });
    expect(asked?.digest).to.match(/^[0-9a-f]{64}$/);
    broker.guard.decide = () => 'owner_approval';
    expect((await put({ keys: 1 })).body.description).to.contain('approval');
    broker.guard.decide = usual;
    expect(broker.fleet.wishes.has(id)).to.equal(false);
    expect((await put({ keys: 1 })).status).to.equal(202);
    broker.guard.grant(token, instancePermission(id, 'update', 'read'));
    expect((await settled(broker, path(id), token)).body.state).to.equal('succeeded');
    broker.guard.decide = (question) => (question.context.wish === 'hard' ? 'deny' : usual(question));
    const { service_id } = broker.ids(NIMBUS);
    const patch = (parameters: object) =>
      broker.send('PATCH', path(id) + ASYNC, { body: { service_id, parameters }, authorization: token });
    expect((await patch({ wish: 'hard' })).status).to.equal(403);
    broker.guard.decide = usual;
    expect((await patch({ wish: 'hard' })).status).to.equal(202);
  });

  it('B1 the policies are asked again at a bind; a repeat of what was bound asks nothing', async () => {
    const { id, alice } = await alices();
    broker.guard.grant(alice, instancePermission(id, 'bind'));
    const usual = broker.guard.decide;
    const put = (name: string) =>
      broker.send('PUT', `${path(id)}/service_bindings/${name}-${id}`, {
        body: broker.ids(READ),
        authorization: alice,
      });
    expect((await put('first')).status).to.equal(201);
    const first = broker.guard.questions.at(-1);
    expect(first?.scope).to.equal('bind');
    expect(first?.resource.key).to.equal(id);
    expect(first?.digest).to.match(/^[0-9a-f]{64}$/);
    broker.guard.decide = () => 'deny';
    expect((await put('first')).status).to.equal(200);
    expect((await put('second')).status).to.equal(403);
    broker.guard.decide = usual;
    expect((await put('second')).status).to.equal(201);
    expect(broker.guard.questions.at(-1)?.digest, 'an approval is for one binding').to.not.equal(first?.digest);
  });

  it('B2 an instance belongs to the credential that made it: for others it is not there', async () => {
    const { id, alice } = await alices();
    const mallory = broker.guard.bearer({ party: MALLORY }, [
      planPermission(READ),
      instancePermission(id, 'read', 'update', 'delete', 'bind'),
    ]);
    const requests: [string, string, unknown?][] = [
      ['GET', path(id)],
      ['GET', `${path(id)}/last_operation`],
      ['PATCH', path(id), broker.ids(READ)],
      ['DELETE', `${path(id)}?${new URLSearchParams(broker.ids(READ)).toString()}`],
      ['PUT', `${path(id)}/service_bindings/m`, broker.ids(READ)],
    ];
    for (const [method, url, sent] of requests)
      for (const authorization of [mallory, OTHER_PLATFORM]) {
        const answer = await broker.send(method, url, { authorization, ...(sent ? { body: sent } : {}) });
        expect(answer.status, `${method} ${url}`).to.equal(404);
      }
    expect((await broker.send('PUT', path(id), { body: body(READ), authorization: mallory })).status).to.equal(409);
    const operator = broker.guard.bearer({ party: 'client:operator', kind: 'operator' });
    expect(ticketOf(await broker.send('GET', path(id), { authorization: operator }))).to.deep.equal([
      instancePermission(id, 'read'),
    ]);
    broker.guard.grant(operator, instancePermission(id, 'read'));
    expect((await broker.send('GET', path(id), { authorization: operator })).status).to.equal(200);
    expect((await broker.send('PUT', path(id), { body: body(READ), authorization: alice })).status).to.equal(200);
  });

  it('B2 what is deleted is told to its party alone', async () => {
    const { id, alice } = await alices();
    broker.guard.grant(alice, instancePermission(id, 'delete'));
    const deleted = await broker.send('DELETE', `${path(id)}?${new URLSearchParams(broker.ids(READ)).toString()}`, {
      authorization: alice,
    });
    expect(deleted.status).to.equal(200);
    const poll = (authorization: string) => broker.send('GET', `${path(id)}/last_operation`, { authorization });
    expect((await poll(alice)).body.state).to.equal('succeeded');
    expect((await poll(broker.guard.bearer({ party: MALLORY }))).status).to.equal(404);
    expect(ticketOf(await poll(''))).to.deep.equal([brokerPermission()]);
  });

  it('B8 the key in the claim wins; a different parameter is 400; the binder’s key is used', async () => {
    const [own = '', other = ''] = ['11', '22'].map((byte) => getEncryptionPublicKey(byte.repeat(32)));
    const token = broker.guard.bearer({ party: ALICE, encryptionPublicKey: own }, [planPermission(READ)]);
    const put = (key?: string) =>
      broker.send('PUT', path(randomUUID()), {
        body: body(READ, key === undefined ? {} : { encryption_public_key: key }),
        authorization: token,
      });
    expect((await put(other)).status).to.equal(400);
    expect((await put(own)).status).to.equal(201);
    const id = randomUUID();
    await broker.send('PUT', path(id), { body: body(READ), authorization: token });
    const later = broker.guard.bearer({ party: ALICE }, [instancePermission(id, 'bind')]);
    const bind = (name: string, parameters: object) =>
      broker.send('PUT', `${path(id)}/service_bindings/${name}-${id}`, {
        body: { ...broker.ids(READ), parameters },
        authorization: later,
      });
    expect((await bind('a', { encryption_public_key: other })).status).to.equal(400);
    expect(Object.keys((await bind('b', {})).body.credentials)).to.deep.equal(['encrypted']);
  });

  it('shows the instance’s page by RPT or a link that opens once; everybody else gets a 401 page', async () => {
    const { id, alice } = await alices();
    broker.guard.grant(alice, instancePermission(id, 'read'));
    const page = `/console/instances/${id}`;
    const nobody = await broker.send('GET', page, { authorization: '' });
    expect(nobody.status).to.equal(401);
    expect(nobody.headers.get('content-type')).to.contain('text/html');
    expect(nobody.headers.get('content-security-policy')).to.contain("default-src 'none'");
    const shown = await broker.send('GET', page, { authorization: alice });
    expect(shown.status).to.equal(200);
    expect(shown.body).to.contain(id).and.to.contain('rpc-ethereum/read').and.not.to.contain('<script');
    const link = await broker.send('POST', `${page}/links`, { authorization: alice });
    expect(link.status).to.equal(201);
    const url = link.body.url.replace(broker.origin, '');
    expect((await broker.send('GET', url, { authorization: '' })).status).to.equal(200);
    expect((await broker.send('GET', url, { authorization: '' })).status).to.equal(401);
  });

  it('escapes whatever a page shows', async () => {
    const id = `<img src=x onerror=alert(1)>${randomUUID()}`;
    const raw = encodeURIComponent(id);
    expect((await broker.send('PUT', path(raw), { body: body(READ) })).status).to.equal(201);
    const shown = await broker.send('GET', `/console/instances/${raw}`);
    expect(shown.status).to.equal(200);
    expect(shown.body).not.to.contain('<img');
  });
});
