import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { NAMESPACE, schemaToJsonWithResolvedTypes } from '../../authz/policy/cedar.js';
import { questionOf } from '../../authz/policy/question.js';
import { policySchema } from '../../authz/policy/schema.js';
import type { AssessRequest } from '../../authz/policy/types.js';
import { liveFacts } from '../../src/live-facts.js';
import { ROOT } from '../../src/paths.js';
import { publicKey, type TestFleet, testFleet } from '../fleet/fleet-support.js';
import { type AuthorizedBroker, authorizedBroker } from '../support/authorized-broker.js';
import { temporaryFolder } from '../support/database.js';
import { walletParty } from '../support/wallet-party.js';

const SCHEMA = readFileSync(join(ROOT, 'policies/schema.cedarschema'), 'utf8');
const STANDING = { organization_guid: 'o', space_guid: 's' };
const PLATFORM = { ...STANDING, context: { platform: 'kubernetes', namespace: 'staking' } };
const VALIDATOR = {
  public_keys: [publicKey(1)],
  fee_recipient: `0x${'fe'.repeat(20)}`,
  gas_limit: '36000000',
  graffiti: 'ovsb',
  region: 'eu',
  wish: 'hard',
};

/** Every question asked while a broker with the real fleet's facts serves real requests. */
describe('policies/schema.cedarschema and what is told to policies', () => {
  const asked: AssessRequest[] = [];
  let fleet: TestFleet;
  let broker: AuthorizedBroker;
  let folder = '';

  before(async function () {
    this.timeout(60_000);
    fleet = await testFleet();
    await fleet.run('look');
    folder = temporaryFolder('catalog');
    const catalog = join(folder, 'catalog.yaml');
    const text = readFileSync(join(ROOT, 'config/catalog.yaml'), 'utf8');
    writeFileSync(
      catalog,
      text.replace('keys_per_instance: 256', 'keys_per_instance: 256\n        region: eu\n        incentive_keys: 8'),
    );
    const { facts } = fleet.fleet;
    broker = await authorizedBroker(undefined, {
      facts: liveFacts(facts),
      catalogPath: catalog,
      record: ({ request }) => request && asked.push(request),
      holdsKeys: ({ party }, keys) => facts.holdsKeys(party, keys),
      controlsKeys: (subject, keys) => facts.controlsKeys(subject, keys),
    });
    await serve();
  });
  after(async () => {
    await broker.close();
    await fleet.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A platform makes, changes, binds and reads; a wallet asks for a plan. */
  async function serve(): Promise<void> {
    const validator = await broker.plan('validator-nimbus/geth');
    const rpc = await broker.plan('rpc-ethereum/standard');
    const [home, reader] = [randomUUID(), randomUUID()].map((id) => `/v2/service_instances/${id}`);
    const made = await broker.asPlatform('PUT', `${home}?accepts_incomplete=true`, {
      ...validator,
      ...PLATFORM,
      parameters: VALIDATOR,
    });
    expect(made.status, JSON.stringify(made.body)).to.equal(202);
    expect((await broker.asPlatform('GET', home ?? '')).status).to.be.oneOf([200, 404]);
    const parameters = { validator_instance_id: home?.split('/').at(-1) };
    const second = await broker.asPlatform('PUT', `${reader}`, { ...rpc, ...PLATFORM, parameters });
    expect(second.status, JSON.stringify(second.body)).to.equal(201);
    const bound = await broker.asPlatform('PUT', `${reader}/service_bindings/b-1`, rpc);
    expect(bound.status, JSON.stringify(bound.body)).to.equal(201);
    expect((await broker.asPlatform('GET', `${reader}/service_bindings/b-1`)).status).to.equal(200);
    const { party } = walletParty(broker.origin);
    const own = await party.call('PUT', `/v2/service_instances/${randomUUID()}`, {
      body: { ...(await broker.plan('rpc-ethereum/read')), ...STANDING },
      statement: 'Test.',
    });
    expect(own.status, JSON.stringify(own.body)).to.equal(201);
  }

  it('every fact that it declares was told in some question, and every fact told is declared', async () => {
    const json = schemaToJsonWithResolvedTypes(SCHEMA);
    if (json.type === 'failure') throw new Error(json.errors.map(({ message }) => message).join('; '));
    const schema = policySchema(SCHEMA, json.json);
    const told = new Map<string, Set<string>>();
    const tell = (where: string, names: Iterable<string>) => {
      const known = told.get(where) ?? new Set<string>();
      for (const name of names) known.add(name);
      told.set(where, known);
    };
    for (const request of asked) {
      const question = questionOf(request, schema);
      tell('context', Object.keys(question.context));
      for (const { uid, attrs } of question.entities)
        tell(String((uid as { type: string }).type).replace(`${NAMESPACE}::`, ''), Object.keys(attrs));
      tell('undeclared', undeclared(request, question));
    }
    for (const type of ['Party', 'Plan', 'Instance', 'Binding'])
      expect([...(told.get(type) ?? [])], type).to.have.members([...schema.attributesOf(type)]);
    expect([...(told.get('context') ?? [])]).to.have.members(contextAttributes(SCHEMA));
    expect([...(told.get('undeclared') ?? [])]).to.deep.equal([]);
  });
});

/** Facts of a request that the schema dropped. */
function undeclared(request: AssessRequest, { context, entities }: ReturnType<typeof questionOf>): string[] {
  const [party, resource] = entities;
  const missing = (facts: object, kept: object | undefined, where: string) =>
    Object.keys(facts)
      .filter((name) => !(name in (kept ?? {})))
      .map((name) => `${where}.${name}`);
  return [
    ...missing(request.context, context, 'context'),
    ...missing(request.principal.attributes, party?.attrs, 'principal'),
    ...missing(request.resource.attributes, resource?.attrs, request.resource.type),
  ];
}

function contextAttributes(text: string): string[] {
  const body = /type Context = \{(.*?)\n {2}\};/s.exec(text)?.[1] ?? '';
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map((match) => match[1] ?? '');
}
