import { expect } from 'chai';
import fc from 'fast-check';
import { ORGANIZATION, type TestBroker, testBroker } from '../support/broker.js';

/** Whatever is sent: never a 5xx, always a description, and nothing made by what was refused. */
describe('broker hostile input', () => {
  let broker: TestBroker;
  const rows = async () => {
    const tables = ['service_instance', 'service_binding', 'operation', 'tombstone'];
    const counts = tables.map((table) => broker.dataSource.query(`SELECT count(*) FROM ${table}`));
    return (await Promise.all(counts)).map(([row]) => row.count).join();
  };

  before(async () => {
    broker = await testBroker();
  });
  after(() => broker.close());

  const odd = fc.oneof(fc.json(), fc.string(), fc.constantFrom('{', '[]', 'null', '1', '"x"', '{"__proto__":1}', '\0'));

  it('bodies that are not ours', async () => {
    const before = await rows();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('PUT', 'PATCH'), fc.boolean(), odd, async (method, binding, body) => {
        const path = `/v2/service_instances/i${binding ? '/service_bindings/b' : ''}`;
        const answer = await broker.send(method, path, { body });
        expect(answer.status, body).to.be.within(400, 499);
        expect(answer.body.description).to.be.a('string').that.is.not.empty;
      }),
      { numRuns: 150 },
    );
    expect(await rows()).to.equal(before);
  });

  it('a good body with one field made strange', async () => {
    const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 300 }));
    const fields = [
      'service_id',
      'plan_id',
      'organization_guid',
      'space_guid',
      'parameters',
      'maintenance_info',
      'context',
    ];
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fields), value, async (field, strange) => {
        number += 1;
        const body = { ...broker.ids('rpc-ethereum/read'), ...ORGANIZATION, [field]: strange };
        const answer = await broker.send('PUT', `/v2/service_instances/strange-${number}`, { body });
        expect(answer.status, JSON.stringify(strange)).to.be.oneOf([201, 400, 422]);
      }),
      { numRuns: 150 },
    );
  });

  it('parameters made of known names with strange values', async () => {
    const names = [
      'keys',
      'public_keys',
      'fee_recipient',
      'gas_limit',
      'graffiti',
      'region',
      'wish',
      'encryption_public_key',
      'withdrawal_address',
    ];
    const parameters = fc.dictionary(fc.constantFrom(...names), fc.jsonValue(), { maxKeys: 4 });
    let number = 0;
    await fc.assert(
      fc.asyncProperty(parameters, async (strange) => {
        number += 1;
        const body = { ...broker.ids('validator-nimbus/geth'), ...ORGANIZATION, parameters: strange };
        const path = `/v2/service_instances/parameters-${number}?accepts_incomplete=true`;
        const answer = await broker.send('PUT', path, { body });
        expect(answer.status, JSON.stringify(strange)).to.be.oneOf([202, 400, 403]);
      }),
      { numRuns: 150 },
    );
  });

  it('ids and queries', async () => {
    const id = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(id, fc.string(), fc.constantFrom('GET', 'DELETE', 'PATCH'), async (instance, query, method) => {
        let encoded: string;
        try {
          encoded = encodeURIComponent(instance);
        } catch {
          encoded = '%ff';
        }
        if (encoded === '.' || encoded === '..') return;
        const search = new URLSearchParams({ service_id: query, plan_id: query, operation: query }).toString();
        for (const path of [encoded, `${encoded}/last_operation`, `x/service_bindings/${encoded}`]) {
          const answer = await broker.send(
            method,
            `/v2/service_instances/${path}?${search}`,
            method === 'PATCH' ? { body: {} } : {},
          );
          expect(answer.status, `${method} ${path}`).to.be.within(400, 499);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('a body nested thousands deep', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const body = JSON.stringify({ ...broker.ids('rpc-ethereum/read'), ...ORGANIZATION }).replace(
      /}$/,
      `,"context":{"x":${deep}}}`,
    );
    expect((await broker.send('PUT', '/v2/service_instances/deep', { body })).status).to.equal(400);
  });
});
