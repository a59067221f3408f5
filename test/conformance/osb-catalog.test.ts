import { copyFileSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv04 from 'ajv-draft-04';
import { expect } from 'chai';
import { openCatalog } from '../../broker/catalog/catalog.js';
import { readCatalog } from '../../broker/catalog/read.js';
import { DomainError } from '../../src/errors.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { PAIRS, type TestBroker, testBroker } from '../support/broker.js';

const CATALOG = join(ROOT, 'config/catalog.yaml');
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('OSB 2.17 catalog', () => {
  let broker: TestBroker;
  // biome-ignore lint/suspicious/noExplicitAny: the catalog is read as a platform reads it
  let services: any[];

  before(async () => {
    broker = await testBroker();
    services = (await broker.send('GET', '/v2/catalog')).body.services;
  });
  after(() => broker.close());

  it('8 ids are unique GUIDs and names are CLI-friendly', () => {
    const plans = services.flatMap((service) => service.plans);
    const ids = [...services, ...plans].map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const id of ids) expect(id).to.match(GUID);
    for (const { name } of [...services, ...plans]) expect(name).to.match(/^[a-z0-9-]+$/);
  });

  it('8 ids never change', () => {
    const idOf = (name: string) => services.find((service) => service.name === name)?.id;
    expect(idOf('validator-teku')).to.equal('6a2f4264-6f1d-571f-9d37-222e495e81e0');
    expect(broker.ids('validator-nimbus/geth').plan_id).to.equal('1f6b572a-078f-5e11-a618-38025ddb6aea');
    expect(broker.ids('rpc-ethereum/read').plan_id).to.equal('756432cc-f5c9-5e9a-bb00-43a753a0750c');
  });

  it('9 offerings carry their fields', () => {
    for (const service of services) {
      expect(service).to.include({ instances_retrievable: true, bindings_retrievable: true });
      expect(service.bindable).to.be.a('boolean');
      expect(service.plan_updateable).to.be.a('boolean');
      expect(service.allow_context_updates).to.be.a('boolean');
      expect(service.tags).to.be.an('array');
      expect(service.plans).to.have.length.above(0);
    }
  });

  it('10 11 plans carry theirs, with draft-04 schemas of at most 64 kB without outside references', () => {
    const ajv = new Ajv04.default({ strict: false });
    for (const plan of services.flatMap((service) => service.plans)) {
      expect(plan.free).to.be.a('boolean');
      expect(plan.maximum_polling_duration).to.be.a('number');
      expect(plan.maintenance_info.version).to.match(/^\d+\.\d+\.\d+$/);
      const schemas = [
        plan.schemas.service_instance.create.parameters,
        plan.schemas.service_instance.update.parameters,
        plan.schemas.service_binding?.create.parameters,
      ].filter(Boolean);
      expect(schemas).to.have.length.above(1);
      for (const schema of schemas) {
        expect(schema.$schema).to.equal('http://json-schema.org/draft-04/schema#');
        expect(JSON.stringify(schema)).to.have.length.below(65_536);
        expect(JSON.stringify(schema)).not.to.contain('$ref');
        ajv.compile(schema);
      }
    }
  });

  it('product.md: metadata.ovsb says what a plan is', () => {
    const plan = (service: string, name: string) =>
      services.find((s) => s.name === service).plans.find((p: { name: string }) => p.name === name);
    const nimbus = plan('validator-nimbus', 'geth').metadata.ovsb;
    expect(nimbus).to.include({ kind: 'validator', engine_api: 'V5' });
    expect(nimbus.consensus).to.deep.equal({ name: 'nimbus', version: 'v26.10.2' });
    expect(nimbus.execution.name).to.equal('geth');
    expect(plan('rpc-ethereum', 'read')).to.include({ binding_rotatable: true });
    expect(plan('rpc-ethereum', 'read').metadata.ovsb).to.deep.include({ kind: 'rpc', groups: ['read'] });
    expect(plan('rpc-ethereum', 'standard').metadata.ovsb.limits).to.include({ units_per_second: 2000, burst: 4000 });
    const bundle = services.find(({ name }) => name.startsWith('validator-bundle-')).plans[0].metadata.ovsb;
    expect(bundle.kind).to.equal('bundle');
    expect(bundle.members).to.deep.include({ consensus: 'nimbus', execution: 'geth' });
  });

  it('Fixed: lists only pairs whose nodes are offered', () => {
    const offered = services
      .filter(({ plans }) => plans[0].metadata.ovsb.kind === 'validator')
      .flatMap(({ plans }) =>
        plans.map((p: { metadata: { ovsb: { consensus: { name: string }; execution: { name: string } } } }) => ({
          consensus: p.metadata.ovsb.consensus.name,
          execution: p.metadata.ovsb.execution.name,
        })),
      );
    expect(offered).to.have.deep.members([...PAIRS]);
    expect(services.map(({ name }) => name)).not.to.include('middleware-mev-boost');
  });

  it('12 has an ETag, answers 304, and varies by credential', async () => {
    const first = await broker.send('GET', '/v2/catalog');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).to.match(/^".+"$/);
    expect(first.headers.get('vary')).to.contain('Authorization');
    const again = await broker.send('GET', '/v2/catalog', { headers: { 'If-None-Match': etag } });
    expect(again.status).to.equal(304);
    expect(again.body).to.equal('');
    expect((await broker.send('GET', '/v2/catalog', { headers: { 'If-None-Match': '"x"' } })).status).to.equal(200);
  });

  it('Fixed: needs a credential; the ticket is for the catalog’s read', async () => {
    const answer = await broker.send('GET', '/v2/catalog', { authorization: '' });
    expect(answer.status).to.equal(401);
    expect(answer.headers.get('www-authenticate')).to.match(/^UMA .*ticket="/);
    expect([...broker.guard.tickets.values()].at(-1)).to.deep.equal([
      { resourceId: broker.guard.resourceId('catalog', 'catalog'), scopes: ['read'] },
    ]);
  });

  describe('13 the document is checked, each fault with file:line:column', () => {
    const text = readFileSync(CATALOG, 'utf8');
    const faults = (changed: string): string => {
      try {
        readCatalog(changed, 'catalog.yaml');
      } catch (error) {
        if (error instanceof DomainError) return error.message;
        throw error;
      }
      return '';
    };
    const lineOf = (found: string, in_: string) => in_.slice(0, in_.indexOf(found)).split('\n').length;

    it('the default document is good', () => expect(faults(text)).to.equal(''));
    it('a duplicate service', () => {
      const changed = text.replace('name: validator-prysm', 'name: validator-lighthouse');
      expect(faults(changed)).to.match(/^catalog\.yaml:\d+:\d+ service name "validator-lighthouse"/);
    });
    it('a dangling client, and all faults together', () => {
      const changed = text
        .replace('consensus: teku\n', 'consensus: tekku\n')
        .replace('[read, logs, send]', '[read, logz]');
      expect(faults(changed)).to.contain(`catalog.yaml:${lineOf('[read, logz]', changed)}:`);
      const dangling = text
        .replace('consensus: teku\n', 'consensus: tekku\n')
        .replace('consensus: nimbus\n', 'consensus: nimbuz\n');
      expect(faults(dangling)).to.contain(`:${lineOf('tekku', dangling)}:16 no consensus client "tekku"`);
      expect(faults(dangling)).to.contain('no consensus client "nimbuz"');
    });
    it('an illegal pair', () => {
      const changed = text.replace(
        'title: Reth, version: v2.10.1, engine_api: [V3, V4, V5]',
        'title: Reth, version: v2.10.1, engine_api: [V3]',
      );
      expect(faults(changed)).to.contain('illegal pair lighthouse/reth: reth v2.10.1 does not speak Engine API V5');
    });
    it('broken YAML', () => expect(faults(`${text}\n  - : [`)).to.match(/^catalog\.yaml:\d+:\d+ /));
    it('a quota of keys that is none, or of a plan without keys', () => {
      const quota = (value: string) => text.replace('keys_per_instance: 256', `incentive_keys: ${value}`);
      expect(faults(quota('100'))).to.equal('');
      expect(faults(quota('-1'))).to.contain(`catalog.yaml:${lineOf('incentive_keys', quota('-1'))}:`);
      const rpc = text.replace('groups: [read, logs, send]', 'incentive_keys: 5\n        groups: [read, logs, send]');
      expect(faults(rpc)).to.match(/^catalog\.yaml:\d+:\d+ a rpc plan has no keys to count$/);
    });
    it('a binding that is renewed after it ends', () => {
      const changed = text.replace('renew_before_seconds: 1209600', 'renew_before_seconds: 7776000');
      expect(faults(changed)).to.contain('must be less than lifetime_seconds');
    });
  });

  it('hot reload: a bad document is refused with its place, the last good one stays; a good one comes into force', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'ovsb-catalog-')), 'catalog.yaml');
    copyFileSync(CATALOG, path);
    const catalog = openCatalog({
      path,
      offeredPairs: () => PAIRS,
      middlewareOffered: false,
      logger: createLogger('silent'),
    });
    const { etag } = catalog.view();
    const past = new Date(Date.now() - 60_000);
    writeFileSync(path, readFileSync(CATALOG, 'utf8').replace('kind: rpc', 'kind: rcp'));
    expect(catalog.reload(Date.now()), 'still being written').to.equal(false);
    expect(catalog.fault()).to.equal(undefined);
    utimesSync(path, past, past);
    expect(catalog.reload(Date.now())).to.equal(false);
    expect(catalog.fault()).to.match(/catalog\.yaml:\d+:\d+ /);
    expect(catalog.view().etag).to.equal(etag);
    writeFileSync(path, readFileSync(CATALOG, 'utf8').replace('v26.10.2', 'v26.11.0'));
    utimesSync(path, past, new Date(past.getTime() + 1));
    expect(catalog.reload(Date.now())).to.equal(true);
    expect(catalog.fault()).to.equal(undefined);
    expect(catalog.view().etag).not.to.equal(etag);
    expect(catalog.view().body).to.contain('v26.11.0');
  });
});
