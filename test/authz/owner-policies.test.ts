import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { until } from '../support/until.js';
import { type PolicyFolder, policyFolder } from './policy/support/folder.js';
import {
  type Answer,
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
  WALLET,
  walletClaim,
} from './support.js';

const OPERATORS = `
@id("operator") permit (principal, action, resource) when { principal.kind == "operator" };
@id("never") forbid (principal, action == OVSB::Action::"use", resource is OVSB::Resource) when { context.scope == "burn" };
`;
const PARTY = `eip155:31337:${WALLET.address.toLowerCase()}`;
const FRIEND = `@id("friend")
permit (principal == OVSB::Party::"${PARTY}", action == OVSB::Action::"use", resource is OVSB::Resource)
when { context.scope == "view" };
`;
const ANYONE = '@id("anyone") permit (principal, action, resource);\n';
const ASK_ME = `@id("ask-me") @obligation("owner_approval")
permit (principal == OVSB::Party::"${PARTY}", action == OVSB::Action::"use", resource is OVSB::Resource);
`;

interface Owner {
  readonly credentials: Required<Credentials>;
  readonly pat: string;
}

describe('Policies that a second resource owner writes itself', () => {
  let folder: PolicyFolder;
  let authz: TestAuthorization;
  let owner: Owner;
  let other: Owner;

  before(async () => {
    folder = policyFolder({ 'operator.cedar': OPERATORS });
    authz = await startAuthorization({}, undefined, { policyFolder: folder.path, recorded: true });
  });
  beforeEach(async () => {
    [owner, other] = [await anOwner(), await anOwner()];
  });
  after(async () => {
    await authz.close();
    folder.remove();
  });

  async function anOwner(at = authz): Promise<Owner> {
    const credentials = await register(at.issuer);
    return { credentials, pat: await patOf(at.issuer, credentials) };
  }

  function policies(
    method: string,
    pat: string | undefined,
    text?: string,
    headers: Record<string, string> = {},
    at = authz,
  ): Promise<Answer> {
    return call(`${at.issuer}/policies`, {
      method,
      headers: { ...(pat !== undefined && { authorization: `Bearer ${pat}` }), ...headers },
      ...(text !== undefined && { body: text }),
    });
  }

  async function photo({ pat }: Owner, scopes = ['view', 'burn']): Promise<string> {
    const type = 'https://photos.example/photo';
    return (await jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: scopes, type })).body._id;
  }

  async function ask({ pat }: Owner, id: string, scope = 'view', at = authz): Promise<Answer> {
    const wanted = { resource_id: id, resource_scopes: [scope] };
    const { ticket } = (await jsonCall(`${at.issuer}/permission`, 'POST', pat, wanted)).body;
    return present(at.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
  }

  const isActive = async ({ pat }: Owner, rpt: string): Promise<boolean> => {
    const body = new URLSearchParams({ token: rpt });
    const headers = { authorization: `Bearer ${pat}` };
    return (await call(`${authz.issuer}/introspect`, { method: 'POST', body, headers })).body.active;
  };

  it('F.31: PUT, GET and DELETE with a PAT; in force when answered; gone again', async () => {
    const id = await photo(owner);
    expect((await policies('GET', owner.pat)).body.error).to.equal('not_found');
    expect((await ask(owner, id)).body.error).to.equal('request_denied');

    const put = await policies('PUT', owner.pat, FRIEND);
    expect([put.status, put.body.policies]).to.deep.equal([201, 1]);
    const read = await policies('GET', owner.pat);
    expect([read.status, read.text]).to.deep.equal([200, FRIEND]);
    expect(read.headers.get('etag')).to.equal(put.headers.get('etag'));
    const granted = await ask(owner, id);
    expect(granted.status, granted.text).to.equal(200);
    const claims = JSON.parse(Buffer.from(granted.body.access_token.split('.')[1], 'base64url').toString());
    expect(claims.policy_set, 'the hash in the RPT is of these policies too').to.equal(put.body.policy_set);

    expect((await policies('PUT', owner.pat, `${FRIEND}// more\n`)).status).to.equal(200);
    expect((await policies('DELETE', owner.pat)).status).to.equal(204);
    expect((await policies('DELETE', owner.pat)).status).to.equal(404);
    expect((await ask(owner, id)).body.error).to.equal('request_denied');
  });

  it('P: without a PAT 401, another method 405, the operator 400: its policies are files', async () => {
    expect((await policies('PUT', undefined, FRIEND)).status).to.equal(401);
    expect((await policies('POST', owner.pat, FRIEND)).status).to.equal(405);
    const operator = await policies('PUT', await patOf(authz.issuer, OPERATOR), ANYONE);
    expect([operator.status, operator.body.error]).to.deep.equal([400, 'invalid_request']);
  });

  it('refuses what is wrong with line:column and what to write; nothing changes', async () => {
    await policies('PUT', owner.pat, FRIEND);
    const bad = await policies('PUT', owner.pat, `${FRIEND}\npermit (principal, action, resource is OVSB::Resorce);`);
    expect(bad.status).to.equal(400);
    expect(bad.body.faults[0]).to.include({ line: 5 });
    expect(bad.body.faults[0].fix).to.contain('Resource');
    expect(bad.body.error_description).to.match(/^5:\d+: /);
    const refused = {
      'not Cedar': 'permit what you like;',
      'a template': 'permit (principal == ?principal, action, resource);',
      'one id twice': FRIEND + FRIEND,
      'an unknown obligation': '@obligation("x") permit (principal, action, resource);',
      'too many': Array.from({ length: 33 }, (_, n) => `@id("p${n}") permit (principal, action, resource);`).join('\n'),
    };
    for (const [what, text] of Object.entries(refused)) {
      const answer = await policies('PUT', owner.pat, text);
      expect([answer.status, answer.body.error], what).to.deep.equal([400, 'invalid_request']);
      expect(answer.body.faults, what).to.not.have.length(0);
    }
    expect((await policies('PUT', owner.pat, `// ${'x'.repeat(32_768)}`)).status).to.equal(413);
    expect((await policies('PUT', owner.pat, 'a\0b')).status).to.equal(400);
    expect((await policies('PUT', owner.pat, '{}', { 'content-type': 'application/json' })).status).to.equal(400);
    expect((await policies('GET', owner.pat)).text).to.equal(FRIEND);
  });

  it('text nested too deep for Cedar harms nobody: it never reaches Cedar, and decisions go on', async () => {
    const deep = {
      brackets: `permit (principal, action, resource) when { ${'('.repeat(3_000)}true${')'.repeat(3_000)} };`,
      sets: `permit (principal, action, resource) when { ${'['.repeat(3_000)}1${']'.repeat(3_000)} == 1 };`,
      chain: `permit (principal, action, resource) when { ${Array(3_000).fill('true').join(' && ')} };`,
      path: `permit (principal, action, resource) when { context${'.a'.repeat(3_000)} };`,
    };
    for (const [what, text] of Object.entries(deep)) {
      const answer = await policies('PUT', owner.pat, text);
      expect([answer.status, answer.body.error], what).to.deep.equal([400, 'invalid_request']);
    }
    const id = await photo(other);
    await policies('PUT', other.pat, FRIEND);
    expect((await ask(other, id)).status).to.equal(200);
  });

  it('generated text: accepted or refused with its place, never a failure, and what stood before stays', async () => {
    await policies('PUT', owner.pat, FRIEND);
    const pieces = [
      'permit',
      'forbid',
      '(principal, action, resource)',
      ';',
      '@id("x")',
      '"',
      '//',
      'when {',
      '}',
      '\ud83d\ude00',
      'has',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((words) => words.join(' ')),
    );
    for (const one of fc.sample(text, 12)) {
      const answer = await policies('PUT', owner.pat, one);
      expect(answer.status, JSON.stringify(one)).to.be.oneOf([200, 400]);
      if (answer.status === 200) await policies('PUT', owner.pat, FRIEND);
      else expect((await policies('GET', owner.pat)).text).to.equal(FRIEND);
    }
  });

  it('ETag and If-Match: of two writers that read the same, one is told 412', async () => {
    expect((await policies('PUT', owner.pat, FRIEND, { 'if-match': '*' })).status).to.equal(412);
    const first = await policies('PUT', owner.pat, FRIEND, { 'if-none-match': '*' });
    expect(first.status).to.equal(201);
    expect((await policies('PUT', owner.pat, FRIEND, { 'if-none-match': '*' })).status).to.equal(412);
    const etag = first.headers.get('etag') ?? '';
    const both = await Promise.all([
      policies('PUT', owner.pat, `${FRIEND}// one\n`, { 'if-match': etag }),
      policies('PUT', owner.pat, `${FRIEND}// two\n`, { 'if-match': etag }),
    ]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 412]);
    expect((await policies('DELETE', owner.pat, undefined, { 'if-match': etag })).body.error).to.equal(
      'precondition_failed',
    );
    expect((await policies('PUT', owner.pat, FRIEND, { 'if-match': 'W/"x"' })).status).to.equal(400);
  });

  it('F.31, B3: it rules its own resources alone, and what the operator forbids stays forbidden', async () => {
    await policies('PUT', owner.pat, ANYONE);
    const [mine, theirs] = [await photo(owner), await photo(other)];
    expect((await ask(owner, mine)).status).to.equal(200);
    expect((await ask(owner, mine, 'burn')).body.error_description).to.contain('operator.cedar');
    expect((await ask(other, theirs)).body.error).to.equal('request_denied');
    const plan = await ensure(authz.server, 'plan', 'rpc-ethereum/read', ['instance:create']);
    const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
    const refused = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
    expect(refused.body.error).to.equal('request_denied');
    expect((await policies('GET', other.pat)).status, "another's document is none of its own").to.equal(404);
  });

  it('two owners may use one @id, and a file of the operator the same', async () => {
    for (const one of [owner, other]) await policies('PUT', one.pat, FRIEND.replace('friend', 'operator'));
    expect((await ask(owner, await photo(owner))).status).to.equal(200);
    expect((await ask(other, await photo(other))).status).to.equal(200);
  });

  it("B4, F.29: an edit re-assesses this owner's grants, and only these", async () => {
    await policies('PUT', owner.pat, FRIEND);
    await policies('PUT', other.pat, FRIEND);
    const mine = (await ask(owner, await photo(owner))).body.access_token;
    const theirs = (await ask(other, await photo(other))).body.access_token;
    const asked = async () =>
      (await authz.database.dataSource.query(
        `SELECT count(*)::int AS count FROM policy_decision WHERE occasion = 'reassessment' AND owner = $1`,
        [other.credentials.clientId],
      )) as unknown;
    const before = await asked();
    expect(await isActive(owner, mine)).to.equal(true);
    await policies('PUT', owner.pat, '// nobody any more\n');
    await until('the grant to end', 10_000, async () => (await isActive(owner, mine)) === false || undefined);
    expect(await isActive(other, theirs)).to.equal(true);
    expect(await asked()).to.deep.equal(before);
  });

  it('F.31: is in force on another replica within two seconds', async () => {
    const replica = await startAuthorization({}, authz, { policyFolder: folder.path });
    try {
      const id = await photo(owner);
      expect((await ask(owner, id, 'view', replica)).body.error).to.equal('request_denied');
      await policies('PUT', owner.pat, FRIEND);
      const granted = await until('the edit', 10_000, async () => {
        const answer = await ask(owner, id, 'view', replica);
        return answer.status === 200 ? answer : undefined;
      });
      expect(granted.body.access_token).to.be.a('string');
      // And by looking each second, where no notice comes: the row is changed behind the replicas' backs.
      await authz.database.dataSource.query('DELETE FROM owner_policy WHERE owner = $1', [owner.credentials.clientId]);
      await until('the look', 10_000, async () => (await ask(owner, id, 'view', replica)).status === 403 || undefined);
    } finally {
      await replica.close();
    }
  });

  describe('approvals', () => {
    const requestsOf = async (bearer: string, query = '') =>
      (await jsonCall(`${authz.issuer}/requests${query}`, 'GET', bearer)).body.requests as {
        id: string;
        resource: { id: string };
      }[];
    const operatorRpt = async () =>
      (await present(authz.issuer, OPERATOR, ticketIn(await call(`${authz.issuer}/requests`)))).body.access_token;
    const decide = (bearer: string, id: string, verb: string) =>
      jsonCall(`${authz.issuer}/requests/${id}/${verb}`, 'POST', bearer, { reason: 'why not' });

    it('F.11, F.28: an owner lists and decides what waits for it; neither the operator nor another owner sees it', async () => {
      await policies('PUT', owner.pat, ASK_ME);
      const id = await photo(owner);
      const submitted = await ask(owner, id);
      expect(submitted.body.error).to.equal('request_submitted');
      const [waiting, ...rest] = await requestsOf(owner.pat);
      expect([waiting?.resource.id, rest]).to.deep.equal([id, []]);
      const request = waiting?.id ?? '';

      expect(await requestsOf(other.pat)).to.deep.equal([]);
      expect(await requestsOf(await operatorRpt())).to.deep.equal([]);
      expect(await requestsOf(await patOf(authz.issuer, OPERATOR))).to.deep.equal([]);
      expect((await decide(other.pat, request, 'approve')).status).to.equal(404);
      expect((await decide(await operatorRpt(), request, 'approve')).status).to.equal(404);
      expect((await jsonCall(`${authz.issuer}/requests?before=${request}`, 'GET', other.pat)).status).to.equal(400);

      const decided = await decide(owner.pat, request, 'approve');
      expect(decided.body).to.include({ state: 'approved', decided_by: `client:${owner.credentials.clientId}` });
      const granted = await present(authz.issuer, CLI, submitted.body.ticket);
      expect(granted.status, granted.text).to.equal(200);
      const [permit] = await authz.database.dataSource.query(
        `SELECT outcome, reason FROM policy_decision WHERE resource_id = $1 ORDER BY id DESC LIMIT 1`,
        [id],
      );
      expect(permit.outcome).to.equal('permit');
      expect(permit.reason).to.contain(`approved by client:${owner.credentials.clientId} (request ${request})`);
    });

    it('the operator’s queue is none of an owner’s', async () => {
      const plan = await ensure(authz.server, 'plan', 'validator/geth', ['instance:create']);
      folder.write(
        'ask.cedar',
        '@id("ask") @obligation("owner_approval") permit (principal, action == OVSB::Action::"instance:create", resource == OVSB::Plan::"validator/geth");',
      );
      const submitted = await until('the new file', 10_000, async () => {
        const ticket = ticketIn(await call(guardedUrl(authz.issuer, plan, 'instance:create')));
        const answer = await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket));
        return answer.body.error === 'request_submitted' ? answer : undefined;
      });
      expect(submitted.status).to.equal(403);
      const [waiting] = await requestsOf(await operatorRpt());
      expect(waiting?.resource.id).to.equal(plan);
      expect(await requestsOf(owner.pat)).to.deep.equal([]);
      expect((await decide(owner.pat, waiting?.id ?? '', 'approve')).status).to.equal(404);
      expect((await decide(await operatorRpt(), waiting?.id ?? '', 'approve')).status).to.equal(200);
    });
  });
});

describe('A stored policy that fits the schema no more', () => {
  it("denies its owner's resources alone, is told, and keeps no server from starting", async () => {
    const folder = policyFolder({ 'operator.cedar': OPERATORS });
    const schema = 'schema.cedarschema';
    const original = readFileSync(`${folder.path}/${schema}`, 'utf8');
    const authz = await startAuthorization({}, undefined, { policyFolder: folder.path });
    const [bad, good] = [await register(authz.issuer), await register(authz.issuer)];
    try {
      const put = async (who: Credentials, text: string) =>
        call(`${authz.issuer}/policies`, {
          method: 'PUT',
          body: text,
          headers: { authorization: `Bearer ${await patOf(authz.issuer, who)}` },
        });
      const kyc = FRIEND.replace(
        'context.scope == "view"',
        'context.claims has kyc_level && context.claims.kyc_level > 1',
      );
      expect((await put(bad, FRIEND + kyc.replace('friend', 'kyc'))).status).to.equal(201);
      expect((await put(good, FRIEND)).status).to.equal(201);
      const outcome = async (who: Credentials): Promise<number> => {
        const pat = await patOf(authz.issuer, who);
        const registered = await jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: ['view'] });
        const wanted = { resource_id: registered.body._id, resource_scopes: ['view'] };
        const { ticket } = (await jsonCall(`${authz.issuer}/permission`, 'POST', pat, wanted)).body;
        return (await present(authz.issuer, CLI, ticket, await walletClaim(authz.issuer, ticket))).status;
      };
      expect([await outcome(bad), await outcome(good)]).to.deep.equal([200, 200]);

      folder.write(schema, original.replace('kyc_level?: Long', 'kyc_level?: String'));
      await until('the changed schema', 10_000, async () => authz.server.ownerPolicyFaults()[0]);
      expect(authz.server.ownerPolicyFaults()[0]).to.contain(`client:${bad.clientId}:`);
      expect([await outcome(bad), await outcome(good)]).to.deep.equal([403, 200]);
      const started = await startAuthorization({}, authz, { policyFolder: folder.path });
      expect(started.server.ownerPolicyFaults()).to.deep.equal(authz.server.ownerPolicyFaults());
      await started.close();

      folder.write(schema, original);
      await until('the schema of before', 10_000, async () => (await outcome(bad)) === 200 || undefined);
      expect(authz.server.ownerPolicyFaults()).to.deep.equal([]);
    } finally {
      await authz.close();
      folder.remove();
    }
  });
});
