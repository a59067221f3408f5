import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../../src/paths.js';
import { type AuthorizedBroker, authorizedBroker } from '../support/authorized-broker.js';
import { walletParty } from '../support/wallet-party.js';

const PLACE = { organization_guid: 'o', space_guid: 's' };

/** The operator's policies with the guide's own example, and one about instances that are there. */
function policies(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ovsb-policies-'));
  cpSync(join(ROOT, 'policies'), folder, { recursive: true });
  const guide = readFileSync(join(folder, 'README.md'), 'utf8');
  const example = /@id\("platform-namespaces"\)[^`]*/.exec(guide)?.[0];
  if (example === undefined) throw new Error('the guide has no such example');
  const frozen = `@id("frozen") forbid (principal, action == OVSB::Action::"bind", resource is OVSB::Instance)
    when { context has namespace && context.namespace == "dapps" && resource has namespace && resource.namespace == "dapps" };`;
  writeFileSync(join(folder, 'namespaces.cedar'), `${example}\n${frozen}\n`);
  return folder;
}

const identity = (value: unknown, platform = 'kubernetes') => ({
  'x-broker-api-originating-identity': `${platform} ${Buffer.from(JSON.stringify(value)).toString('base64')}`,
});
const context = (namespace: unknown, platform = 'kubernetes') => ({ context: { platform, namespace } });

describe('OSB 2.17: where a platform’s request comes from', () => {
  let broker: AuthorizedBroker;
  let folder: string;
  let ids: { service_id: string; plan_id: string };

  before(async () => {
    folder = policies();
    broker = await authorizedBroker(folder);
    ids = await broker.plan('rpc-ethereum/read');
  });
  after(async () => {
    await broker.close();
    rmSync(folder, { recursive: true });
  });

  const provision = (more: object = {}, headers: Record<string, string> = {}, id: string = randomUUID()) =>
    broker.asPlatform('PUT', `/v2/service_instances/${id}`, { ...ids, ...PLACE, ...more }, headers);

  for (const [from, body, headers] of [
    ['the context object', context('staking'), {}],
    ['a service account’s username', {}, identity({ username: 'system:serviceaccount:dapps:deployer' })],
    [
      'a service account’s groups',
      {},
      identity({ username: 'x', groups: ['system:authenticated', 'system:serviceaccounts:staking'] }),
    ],
    [
      'the context object, though a controller elsewhere asks',
      context('staking'),
      identity({ username: 'system:serviceaccount:kube-system:controller' }),
    ],
  ] as const) {
    it(`B2: a namespace the policy lists, by ${from}: made`, async () => {
      const made = await provision(body, headers);
      expect(made.status, JSON.stringify(made.body)).to.equal(201);
    });
  }

  for (const [what, body, headers] of [
    ['none', {}, {}],
    ['another one', context('kube-system'), {}],
    [
      'another one, though the account that asks is in a listed one',
      context('web'),
      identity({ username: 'system:serviceaccount:dapps:d' }),
    ],
    ['an account of another one', {}, identity({ username: 'system:serviceaccount:web:deployer' })],
    ['groups of two', {}, identity({ groups: ['system:serviceaccounts:staking', 'system:serviceaccounts:web'] })],
    ['a person', {}, identity({ username: 'staking', groups: ['staking'] })],
    [
      'one of another platform',
      context('staking', 'cloudfoundry'),
      identity({ username: 'system:serviceaccount:staking:d' }, 'cloudfoundry'),
    ],
    ['no name', context(['staking']), {}],
    ['a broken name', context('staking\n'), {}],
  ] as const) {
    it(`B2: ${what}: refused with the policy’s name, and nothing is made`, async () => {
      const id = randomUUID();
      const refused = await provision(body, headers, id);
      expect(refused.status).to.equal(403);
      expect(refused.body.description).to.include('platform-namespaces');
      expect((await provision(context('staking'), {}, id)).status, 'the id is free').to.equal(201);
    });
  }

  it('B2: later requests carry where the instance was made for', async () => {
    const bind = async (namespace: string) => {
      const id = randomUUID();
      expect((await provision(context(namespace), {}, id)).status).to.equal(201);
      return broker.asPlatform('PUT', `/v2/service_instances/${id}/service_bindings/${randomUUID()}`, ids);
    };
    expect((await bind('staking')).status).to.equal(201);
    const refused = await bind('dapps');
    expect(refused.status).to.equal(403);
    expect(refused.body.description).to.include('frozen');
  });

  it('B2: of a wallet it is not looked at: it neither helps nor hinders, nor does it name the party', async () => {
    const { party } = walletParty(broker.origin);
    const id = randomUUID();
    const made = await party.call('PUT', `/v2/service_instances/${id}`, {
      statement: 'Test.',
      body: { ...ids, ...PLACE, ...context('dapps') },
    });
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    const bound = await party.call('PUT', `/v2/service_instances/${id}/service_bindings/${randomUUID()}`, {
      statement: 'Test.',
      body: ids,
    });
    expect(bound.status, JSON.stringify(bound.body)).to.equal(201);
    expect((await broker.asPlatform('GET', `/v2/service_instances/${id}`)).status).to.equal(404);
  });
});
