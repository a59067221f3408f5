import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { fetchJson } from '../../src/cli/uma-client.js';
import { BrokerProcess } from '../support/broker-process.js';
import { signaturesOf, slashablePairs } from '../support/sandbox-view.js';
import { until } from '../support/until.js';
import { walletParty } from '../support/wallet-party.js';

interface Service {
  readonly id: string;
  readonly name: string;
  readonly plans: readonly { readonly id: string; readonly name: string }[];
}

const STAKER = { statement: 'Test the journey.' };
const CONTEXT = { organization_guid: 'o', space_guid: 's' };

describe('journey: a staker, through HTTP only', function () {
  this.timeout(240_000);
  let broker: BrokerProcess;

  before(async () => {
    broker = await BrokerProcess.create();
    await broker.start();
  });
  after(() => broker.dispose());

  const plan = async (party: ReturnType<typeof walletParty>['party'], name: string) => {
    const catalog = await party.call('GET', '/v2/catalog', STAKER);
    expect(catalog.status).to.equal(200);
    const [service, planName] = name.split('/');
    const found = (catalog.body.services as Service[]).find((item) => item.name === service);
    const chosen = found?.plans.find((item) => item.name === planName);
    if (found === undefined || chosen === undefined) throw new Error(`no plan ${name}`);
    return { service_id: found.id, plan_id: chosen.id };
  };

  it('validator-nimbus/geth: the key goes live there, was at A before, is at B after, and zero slashable pairs', async () => {
    const { party, steps } = walletParty(broker.baseUrl);
    const ids = await plan(party, 'validator-nimbus/geth');
    const instance = `/v2/service_instances/${randomUUID()}`;
    const accepted = await party.call('PUT', `${instance}?accepts_incomplete=true`, {
      ...STAKER,
      body: { ...ids, ...CONTEXT },
    });
    expect(accepted.status, JSON.stringify(accepted.body)).to.equal(202);
    expect(steps).to.include.members(['unauthorized', 'ticket', 'need_info', 'signature', 'rpt']);

    await until('the operation', 150_000, async () => {
      const answer = await party.call('GET', `${instance}/last_operation`, STAKER);
      expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
      expect(answer.body.state, String(answer.body.description)).to.be.oneOf(['in progress', 'succeeded']);
      return answer.body.state === 'succeeded' ? true : undefined;
    });
    const bound = await party.call('PUT', `${instance}/service_bindings/${randomUUID()}`, { ...STAKER, body: ids });
    expect(bound.status, JSON.stringify(bound.body)).to.equal(201);
    const credentials = bound.body.credentials as { public_keys: string[]; implementation: string };
    expect(credentials.implementation).to.equal('nimbus');
    const [publicKey = ''] = credentials.public_keys;

    const signatures = await until('a signature at nimbus', 30_000, async () => {
      const seen = await signaturesOf(broker.baseUrl, publicKey);
      return seen.some((signature) => signature.validator_client.startsWith('nimbus')) ? seen : undefined;
    });
    const homes = signatures.map((signature) => signature.validator_client.split('-')[0]);
    const firstAtB = homes.indexOf('nimbus');
    expect(homes.slice(0, firstAtB)).to.not.be.empty;
    expect(new Set(homes.slice(firstAtB))).to.deep.equal(new Set(['nimbus']));
    expect(await slashablePairs(broker.baseUrl)).to.deep.equal([]);
  });

  it('rpc-ethereum/read: a block number; after unbind 401 for the credential at once', async () => {
    const { party } = walletParty(broker.baseUrl);
    const ids = await plan(party, 'rpc-ethereum/read');
    const instance = `/v2/service_instances/${randomUUID()}`;
    const made = await party.call('PUT', `${instance}?accepts_incomplete=true`, {
      ...STAKER,
      body: { ...ids, ...CONTEXT },
    });
    expect(made.status, JSON.stringify(made.body)).to.be.oneOf([201, 202]);
    await until('the operation', 30_000, async () => {
      const { body } = await party.call('GET', `${instance}/last_operation`, STAKER);
      return body.state === 'succeeded' ? true : undefined;
    });
    const binding = `${instance}/service_bindings/${randomUUID()}`;
    const bound = await party.call('PUT', binding, { ...STAKER, body: ids });
    expect(bound.status, JSON.stringify(bound.body)).to.equal(201);
    const { uri, bearer_token } = bound.body.credentials as { uri: string; bearer_token: string };
    const rpc = (body: string) =>
      fetchJson(uri, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer_token}` },
        body,
      });

    const block = await rpc('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}');
    expect(block.status).to.equal(200);
    expect(block.body.result).to.match(/^0x/);
    const smuggled = await rpc('{"jsonrpc":"2.0","id":1,"method":"eth_call","METHOD":"admin_peers","params":[]}');
    expect(smuggled.body.error).to.include({ code: -32600 });

    const unbound = await party.call(
      'DELETE',
      `${binding}?service_id=${ids.service_id}&plan_id=${ids.plan_id}`,
      STAKER,
    );
    expect(unbound.status, JSON.stringify(unbound.body)).to.equal(200);
    expect((await rpc('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}')).status).to.equal(401);
  });

  it('S: no token ⇒ 401 with a UMA ticket; a used ticket ⇒ invalid_grant; twenty at once ⇒ one serves', async () => {
    const refused = await fetchJson(`${broker.baseUrl}/v2/catalog`, { headers: { 'x-broker-api-version': '2.17' } });
    expect(refused.status).to.equal(401);
    const ticket = /ticket="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? '';
    const present = () =>
      fetchJson(`${broker.baseUrl}/authz/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:uma-ticket',
          client_id: 'ovsb-cli',
          ticket,
        }),
      });
    const answers = await Promise.all(Array.from({ length: 20 }, present));
    expect(answers.filter((answer) => answer.body.error !== 'invalid_grant')).to.have.length(1);
    expect((await present()).body.error).to.equal('invalid_grant');
  });
});
