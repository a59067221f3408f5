import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SecretKey } from '@chainsafe/blst';
import { expect } from 'chai';
import { provenStake } from '../../src/fleet/index.js';
import { liveFacts } from '../../src/live-facts.js';
import { ROOT } from '../../src/paths.js';
import { blsClaim, blsCredentials } from '../authz/claims/support/bls-claim.js';
import { policyFolder } from '../authz/policy/support/folder.js';
import { type Answer, CLI, jsonCall, present, ticketIn, walletClaim } from '../authz/support.js';
import { publicKey, type TestFleet, testFleet } from '../fleet/fleet-support.js';
import { type AuthorizedBroker, authorizedBroker } from '../support/authorized-broker.js';

const POLICIES = join(ROOT, 'policies');
const PERMIT = `
@id("bls-validator")
permit (principal, action == OVSB::Action::"instance:create", resource is OVSB::Plan)
when { principal.kind == "party" && context.claims has withdrawal_credentials && resource.key like "validator-*" };
`;
const KEY = SecretKey.fromKeygen(Buffer.alloc(32, 7));
const STRANGER = SecretKey.fromKeygen(Buffer.alloc(32, 8));
const MINE = [publicKey(7), publicKey(8)];
const VERSION = { 'x-broker-api-version': '2.17' };

describe('BLS withdrawal proof over HTTP: stake and control of 0x00 credentials, from the Beacon API', () => {
  let fleet: TestFleet;
  let broker: AuthorizedBroker;
  let folder: ReturnType<typeof policyFolder>;
  let ids: { service_id: string; plan_id: string };

  before(async function () {
    this.timeout(60_000);
    fleet = await testFleet({ stake: provenStake() });
    for (const key of MINE) fleet.nodes.withdrawal.set(key, blsCredentials(KEY));
    await fleet.run('look');
    const ours = readdirSync(POLICIES).filter((name) => name.endsWith('.cedar'));
    folder = policyFolder({
      ...Object.fromEntries(ours.map((name) => [name, readFileSync(join(POLICIES, name), 'utf8')])),
      'bls.cedar': PERMIT,
    });
    const { facts } = fleet.fleet;
    broker = await authorizedBroker(folder.path, {
      fleet,
      facts: liveFacts(facts),
      holdsKeys: ({ party }, keys) => facts.holdsKeys(party, keys),
      controlsKeys: (subject, keys) => facts.controlsKeys(subject, keys),
    });
    ids = await broker.plan('validator-nimbus/geth');
  });
  after(async () => {
    await broker.close();
    await fleet.close();
    folder.remove();
  });

  const put = (parameters: object, bearer?: string): Promise<Answer> => {
    const url = `${broker.origin}/v2/service_instances/${randomUUID()}?accepts_incomplete=true`;
    const body = { ...ids, organization_guid: 'o', space_guid: 's', parameters };
    return jsonCall(url, 'PUT', bearer, body, VERSION);
  };
  const issuer = () => `${broker.origin}/authz`;
  const rptOf = async (key: SecretKey) => {
    const ticket = ticketIn(await put({}));
    const answer = await present(issuer(), CLI, ticket, blsClaim(issuer(), ticket, key));
    expect(answer.status, answer.text).to.equal(200);
    return answer.body.access_token as string;
  };

  it('a withdrawal key without stake gets no key, and names none of somebody else’s', async () => {
    const rpt = await rptOf(STRANGER);
    const pool = await put({ keys: 1 }, rpt);
    expect(pool.status, pool.text).to.equal(403);
    const named = await put({ public_keys: [MINE[0]] }, rpt);
    expect(named.status, named.text).to.equal(403);
  });

  it('stands for the stake of its own validators, which counts once', async () => {
    const rpt = await rptOf(KEY);
    expect((await put({ keys: 3 }, rpt)).status, 'more than its stake').to.equal(403);
    const made = await put({ keys: 1 }, rpt);
    expect(made.status, made.text).to.equal(202);
    expect((await put({ keys: 2 }, rpt)).status, 'one of two is used').to.equal(403);
    const ticket = ticketIn(await put({}));
    const withAccount = await present(issuer(), CLI, ticket, await walletClaim(issuer(), ticket));
    expect(withAccount.status, withAccount.text).to.equal(200);
    expect((await put({ keys: 1 }, withAccount.body.access_token)).status, 'an account alone has none').to.equal(403);
  });

  it('names keys of its own', async () => {
    const named = await put({ public_keys: [MINE[1]] }, await rptOf(KEY));
    expect(named.status, named.text).to.equal(202);
  });
});
