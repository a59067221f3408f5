import { expect } from 'chai';
import { until } from '../support/until.js';
import { jsonCall, patOf, register, startAuthorization, type TestAuthorization, token } from './support.js';

const DAY_MS = 86_400_000;

describe('Bounds on what a client that registered itself may leave behind', () => {
  let authz: TestAuthorization;
  let addresses = 0;

  before(async () => {
    // Every request from an address of its own: what is bounded here is bounded by owner.
    authz = await startAuthorization({ requestsPerSecond: 5 }, undefined, {
      clientAddress: () => `address ${addresses++}`,
    });
  });
  after(() => authz.close());

  const create = (pat: string) => jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: ['view'] });

  it('R: 20,000 resources of one owner; the next is 403, until one is deleted', async () => {
    const owner = await register(authz.issuer);
    const pat = await patOf(authz.issuer, owner);
    const id = (await create(pat)).body._id;
    await authz.database.dataSource.query(
      `INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
       SELECT 'r' || n, $1, 'resource', 'r' || n, '{}', '{}', '{"resource_scopes":[]}', false, now() FROM generate_series(2, 20000) n`,
      [owner.clientId],
    );
    const refused = await create(pat);
    expect([refused.status, refused.body.error]).to.deep.equal([403, 'limit_exceeded']);
    expect((await create(await patOf(authz.issuer, await register(authz.issuer)))).status).to.equal(201);
    expect((await jsonCall(`${authz.issuer}/resources/${id}`, 'DELETE', pat)).status).to.equal(204);
    expect((await create(pat)).status).to.equal(201);
  });

  it('T: tickets that one owner asks for are bounded whatever addresses it calls from: 429 and Retry-After', async () => {
    const pat = await patOf(authz.issuer, await register(authz.issuer));
    const wanted = { resource_id: (await create(pat)).body._id, resource_scopes: ['view'] };
    const asked = () => jsonCall(`${authz.issuer}/permission`, 'POST', pat, wanted);
    let answer = await asked();
    for (let count = 0; answer.status === 201 && count < 20; count++)
      answer = (await Promise.all(Array.from({ length: 30 }, asked))).find(({ status }) => status !== 201) ?? answer;
    expect([answer.status, answer.body.error]).to.deep.equal([429, 'too_many_requests']);
    expect(answer.headers.get('retry-after')).to.equal('1');
  });

  it('D9: a client that never did anything is forgotten after 30 days, one that did is not', async () => {
    const [idle, used] = [await register(authz.issuer), await register(authz.issuer)];
    await patOf(authz.issuer, used);
    await until('the client to be marked as used', 10_000, async () => {
      const [{ count }] = await authz.database.dataSource.query(
        `SELECT count(*)::int AS count FROM oauth_record
         WHERE model = 'Client' AND digest = sha256($1::text::bytea) AND expires_at IS NULL`,
        [used.clientId],
      );
      return count > 0 || undefined;
    });
    const status = async (client: typeof idle) =>
      (await token(authz.issuer, client, { grant_type: 'client_credentials', scope: 'uma_protection' })).status;
    authz.skewMs = 31 * DAY_MS;
    expect([await status(idle), await status(used)]).to.deep.equal([401, 200]);
    authz.skewMs = 0;
  });
});
