import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPolicyEngine } from '../../authz/index.js';
import type { PolicyEngine } from '../../authz/policy/types.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { temporaryFolder } from '../support/database.js';
import { until } from '../support/until.js';
import {
  bearerOf,
  CLI,
  type Credentials,
  call,
  ensure,
  guardedUrl,
  jsonCall,
  OPERATOR,
  patOf,
  present,
  register,
  startAuthorization,
  type TestAuthorization,
  ticketIn,
  walletRpt,
} from './support.js';

describe('The default policies through HTTP', () => {
  let authz: TestAuthorization;
  let engine: PolicyEngine;
  let folder: string;

  before(async () => {
    folder = temporaryFolder('policies');
    cpSync(join(ROOT, 'policies'), folder, { recursive: true });
    engine = await createPolicyEngine({ folder, writableFiles: 'warn', logger: createLogger('silent') });
    authz = await startAuthorization({}, undefined, { policy: engine });
  });
  after(async () => {
    await authz.close();
    engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (owner: Credentials, id: string, scope: string, client: Credentials = CLI) => {
    const pat = await patOf(authz.issuer, owner);
    const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, {
      resource_id: id,
      resource_scopes: [scope],
    });
    return present(authz.issuer, client, body.ticket);
  };
  const createPhoto = async (owner: Credentials) =>
    (
      await jsonCall(`${authz.issuer}/resources`, 'POST', await patOf(authz.issuer, owner), {
        resource_scopes: ['view'],
        type: 'http://photoz.example/photo',
      })
    ).body._id as string;

  it('need_info names eth_address and its format, derived from the policies', async () => {
    const plan = await ensure(authz.server, 'plan', 'rpc-ethereum/read', ['instance:create']);
    const needed = await present(
      authz.issuer,
      CLI,
      ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create'))),
    );
    expect(needed.body.error, needed.text).to.equal('need_info');
    expect(needed.body.required_claims[0]).to.include({ name: 'eth_address' });
    expect(needed.body.required_claims[0].claim_token_format).to.deep.equal(['urn:ovsb:claim-token:eip4361']);
  });

  it('E.6: claim_token_format and issuer of a required claim are arrays, also for one of each', async () => {
    const plan = await ensure(authz.server, 'plan', 'rpc-ethereum/annotated', ['instance:create']);
    writeFileSync(
      join(folder, 'annotated.cedar'),
      '@id("annotated")\n@claim_format("urn:f1")\n@issuer("https://id.example")\npermit (principal, action == OVSB::Action::"instance:create", resource == OVSB::Plan::"rpc-ethereum/annotated")\nwhen { context.claims has country };\n',
    );
    const claim = await until('the new policy', 10_000, async () => {
      const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
      const { body } = await present(authz.issuer, CLI, ticket);
      const { required_claims: claims = [] } = body as { required_claims?: { name: string }[] };
      return claims.find(({ name }) => name === 'country');
    });
    rmSync(join(folder, 'annotated.cedar'));
    expect(claim).to.deep.include({ claim_token_format: ['urn:f1'], issuer: ['https://id.example'] });
  });

  it('an RPC plan read is for any wallet, trace for listed ones', async () => {
    const read = await ensure(authz.server, 'plan', 'rpc-ethereum/read', ['instance:create']);
    const trace = await ensure(authz.server, 'plan', 'rpc-ethereum/trace', ['instance:create']);
    expect((await walletRpt(authz.issuer, read, 'instance:create')).status).to.equal(200);
    expect((await walletRpt(authz.issuer, trace, 'instance:create')).body.error).to.equal('request_denied');
  });

  it('a plan whose share is not known waits for the operator, whose own client is the one that approves', async () => {
    const plan = await ensure(authz.server, 'plan', 'validator-prysm/geth', ['instance:create']);
    const submitted = await walletRpt(authz.issuer, plan, 'instance:create');
    expect(submitted.body.error, submitted.text).to.equal('request_submitted');
    const rpt = await present(authz.issuer, OPERATOR, ticketIn(await call(`${authz.issuer}/requests`)));
    const { requests } = (await jsonCall(`${authz.issuer}/requests`, 'GET', rpt.body.access_token)).body;
    const approved = await jsonCall(
      `${authz.issuer}/requests/${requests[0].id}/approve`,
      'POST',
      rpt.body.access_token,
    );
    expect(approved.body.state).to.equal('approved');
    expect((await present(authz.issuer, CLI, submitted.body.ticket)).status).to.equal(200);
  });

  it('K7: a second owner’s resource is closed to others, open to its owner', async () => {
    const owner = await register(authz.issuer);
    const id = await createPhoto(owner);
    expect((await ask(owner, id, 'view')).body.error).to.equal('request_denied');
    expect((await ask(owner, id, 'view', await register(authz.issuer))).body.error).to.equal('request_denied');
    expect((await ask(owner, id, 'view', owner)).status).to.equal(200);
  });

  it('F.3: the operator’s client gets RPTs for its own resources of any type without a claim', async () => {
    const id = await createPhoto(OPERATOR);
    expect((await ask(OPERATOR, id, 'view', OPERATOR)).status).to.equal(200);
    expect((await ask(OPERATOR, id, 'view')).body.error).to.equal('request_denied');
  });

  it('B4, F.29: an edit of the files ends within seconds what it would now deny, and no more', async () => {
    const plan = await ensure(authz.server, 'plan', 'rpc-ethereum/standard', ['instance:create']);
    const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
    const operator = await present(
      authz.issuer,
      OPERATOR,
      ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create'))),
    );
    const use = (answer: typeof rpt) => call(guardedUrl(authz.issuer, plan, 'instance:create'), bearerOf(answer));
    expect((await use(rpt)).status).to.equal(200);
    writeFileSync(
      join(folder, 'closed.cedar'),
      '@id("closed-today")\nforbid (principal, action == OVSB::Action::"instance:create", resource is OVSB::Plan)\nwhen { principal.kind == "party" };\n',
    );
    const deadline = Date.now() + 5000;
    while ((await use(rpt)).status === 200 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await use(rpt)).status).to.equal(401);
    expect((await use(operator)).status).to.equal(200);
    expect((await walletRpt(authz.issuer, plan, 'instance:create')).body.error).to.equal('request_denied');
  });
});
