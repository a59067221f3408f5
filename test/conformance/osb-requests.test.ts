import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ORGANIZATION, type TestBroker, testBroker } from '../support/broker.js';
import { PLATFORM } from '../support/memory-guard.js';

describe('OSB 2.17 every request', () => {
  let broker: TestBroker;
  const instance = () => `/v2/service_instances/${randomUUID()}`;
  const rpc = () => ({ ...broker.ids('rpc-ethereum/read'), ...ORGANIZATION });

  before(async () => {
    broker = await testBroker();
  });
  after(() => broker.close());

  for (const version of ['2.13', '2.14', '2.15', '2.16', '2.17'])
    it(`1 serves version ${version}`, async () => {
      const headers = { 'X-Broker-API-Version': version };
      expect((await broker.send('GET', '/v2/catalog', { headers })).status).to.equal(200);
    });
  for (const version of ['', '2', '2.x', '1.0', '2.12', '2.18', '3.0', '2.17.1', '2.017', ' '])
    it(`1 refuses version "${version}" with 412, before the credential`, async () => {
      const headers = { 'X-Broker-API-Version': version };
      const answer = await broker.send('GET', '/v2/catalog', { headers, authorization: '' });
      expect(answer.status).to.equal(412);
      expect(answer.body.error).to.equal('PreconditionFailed');
      expect(answer.body.description).to.be.a('string').that.is.not.empty;
    });

  it('2 ignores unknown top-level fields', async () => {
    const body = { ...rpc(), previous: 1, context: { platform: 'kubernetes', clusterid: 'c' }, x: { y: [] } };
    expect((await broker.send('PUT', instance(), { body })).status).to.equal(201);
  });

  it('3 reads an originating identity from a platform, refuses a broken one', async () => {
    const identity = (value: string) => ({ 'X-Broker-API-Originating-Identity': value });
    const good = identity(`kubernetes ${Buffer.from('{"username":"ada"}').toString('base64')}`);
    expect((await broker.send('PUT', instance(), { body: rpc(), headers: good })).status).to.equal(201);
    const bad = await broker.send('PUT', instance(), { body: rpc(), headers: identity('kubernetes %%%') });
    expect(bad.status).to.equal(400);
    expect(bad.body.description).to.contain('X-Broker-API-Originating-Identity');
  });

  it('4 echoes the request identity on every answer: 200, 400, 401, 404, 412, 413', async () => {
    const id = randomUUID();
    const headers = { 'X-Broker-API-Request-Identity': id };
    const answers = [
      await broker.send('GET', '/v2/catalog', { headers }),
      await broker.send('PUT', instance(), { headers, body: {} }),
      await broker.send('GET', '/v2/catalog', { headers, authorization: '' }),
      await broker.send('GET', '/v2/nothing', { headers }),
      await broker.send('GET', '/v2/catalog', { headers: { ...headers, 'X-Broker-API-Version': '1.0' } }),
      await broker.send('PUT', instance(), { headers, body: { ...rpc(), x: 'x'.repeat(70_000) } }),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 400, 401, 404, 412, 413]);
    for (const answer of answers) expect(answer.headers.get('x-broker-api-request-identity')).to.equal(id);
  });

  it('5 every error is one CamelCase word and a description', async () => {
    const answers = [
      await broker.send('GET', instance()),
      await broker.send('POST', '/v2/catalog', { body: {} }),
      await broker.send('PUT', instance(), { body: '[1]' }),
      await broker.send('PUT', instance(), { body: '{' }),
      await broker.send('PUT', instance(), { body: rpc(), headers: { 'Content-Type': 'text/plain' } }),
      await broker.send('PUT', instance(), { body: { ...broker.ids('validator-nimbus/geth'), ...ORGANIZATION } }),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([404, 405, 400, 400, 415, 422]);
    for (const { body } of answers) {
      expect(body.error).to.match(/^([A-Z][a-z]+)+$/);
      expect(body.description).to.be.a('string').that.is.not.empty;
      expect(body).not.to.have.any.keys('instance_usable', 'update_repeatable');
    }
    expect(answers[5]?.body.error).to.equal('AsyncRequired');
  });

  it('7 decodes ids, holds them to 255 characters, refuses broken ones', async () => {
    const path = (id: string) => `/v2/service_instances/${id}`;
    const put = (id: string) => broker.send('PUT', path(id), { body: rpc() });
    const odd = encodeURIComponent(`a/b c?d#é💡${randomUUID()}`);
    expect((await put(odd)).status).to.equal(201);
    expect((await broker.send('GET', path(odd))).status).to.equal(200);
    expect((await put('é'.repeat(200).concat(randomUUID()))).status).to.equal(201);
    for (const bad of ['x'.repeat(256), '%E0%A4%A', '%ff', 'a%00b', '%'])
      expect((await put(bad)).status, bad).to.equal(400);
    expect((await broker.send('GET', path('%ff'))).status).to.equal(400);
    expect((await broker.send('GET', path('%ff'), { authorization: '' })).status).to.equal(401);
  });

  it('Fixed: bodies up to 64 kB, a 2 MB body is 413 and nothing is made', async () => {
    const path = instance();
    const padded = (bytes: number) => {
      const bare = JSON.stringify({ ...rpc(), pad: '' });
      return bare.replace('"pad":""', `"pad":"${'x'.repeat(bytes - bare.length)}"`);
    };
    expect((await broker.send('PUT', path, { body: padded(65_537) })).status).to.equal(413);
    expect((await broker.send('PUT', path, { body: 'x'.repeat(2_000_000) })).status).to.equal(413);
    expect((await broker.send('GET', path)).status).to.equal(404);
    expect((await broker.send('PUT', path, { body: padded(65_536) })).status).to.equal(201);
  });

  it('Fixed: unknown parameters, __proto__ too, and wrong types are 400 and name the field', async () => {
    const put = (parameters: string, key = 'rpc-ethereum/read') => {
      const bare = JSON.stringify({ ...broker.ids(key), ...ORGANIZATION });
      const body = bare.replace(/}$/, `,"parameters":${parameters}}`);
      return broker.send('PUT', `${instance()}?accepts_incomplete=true`, { body });
    };
    const cases: [string, string, string?][] = [
      ['{"nope":1}', 'nope'],
      ['{"__proto__":{"x":1}}', '__proto__'],
      ['{"constructor":1}', 'constructor'],
      ['[]', 'parameters'],
      ['{"allowed_origins":"x"}', 'allowed_origins'],
      ['{"keys":0}', 'keys', 'validator-nimbus/geth'],
      ['{"keys":"1"}', 'keys', 'validator-nimbus/geth'],
      ['{"keys":1.5}', 'keys', 'validator-nimbus/geth'],
      ['{"wish":"maybe"}', 'wish', 'validator-nimbus/geth'],
      [`{"graffiti":"${'é'.repeat(17)}"}`, 'graffiti', 'validator-nimbus/geth'],
      ['{"fee_recipient":"0x12"}', 'fee_recipient', 'validator-nimbus/geth'],
      ['{"graffiti":"a\\u0000b"}', 'graffiti', 'validator-nimbus/geth'],
      ['{"graffiti":"\\ud800"}', 'graffiti', 'validator-nimbus/geth'],
      [`{"public_keys":["0x${'ab'.repeat(47)}"]}`, 'public_keys', 'validator-nimbus/geth'],
      [`{"encryption_public_key":"${Buffer.alloc(32).toString('base64')}"}`, 'encryption_public_key'],
    ];
    for (const [parameters, field, key] of cases) {
      const answer = await put(parameters, key);
      expect(answer.status, parameters).to.equal(400);
      expect(answer.body.description, parameters).to.contain(field);
    }
  });

  it('Fixed: a 400 names the missing or wrong field', async () => {
    for (const field of ['service_id', 'plan_id', 'organization_guid', 'space_guid']) {
      const missing = await broker.send('PUT', instance(), { body: { ...rpc(), [field]: undefined } });
      expect(missing.status, field).to.equal(400);
      expect(missing.body.description).to.contain(field);
      const long = await broker.send('PUT', instance(), { body: { ...rpc(), [field]: 'x'.repeat(256) } });
      expect(long.status, field).to.equal(400);
    }
    const unknown = await broker.send('PUT', instance(), { body: { ...rpc(), plan_id: randomUUID() } });
    expect(unknown.body.description).to.contain('plan_id');
    expect((await broker.send('PUT', instance(), { body: rpc(), authorization: PLATFORM })).status).to.equal(201);
  });
});
