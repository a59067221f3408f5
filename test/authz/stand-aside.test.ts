import { expect } from 'chai';
import { call, jsonCall, OPERATOR, startAuthorization, type TestAuthorization } from './support.js';

describe('C3: an authorization server whose documents are not those in force', () => {
  let authorization: TestAuthorization;
  let reason: string | undefined;
  before(async () => {
    authorization = await startAuthorization({}, undefined, { standAside: () => reason });
  });
  beforeEach(() => {
    reason = 'policies: another replica works with other files';
  });
  after(() => authorization.close());

  const operator = `Basic ${Buffer.from(`${OPERATOR.clientId}:${OPERATOR.clientSecret}`).toString('base64')}`;
  const token = () =>
    call(`${authorization.issuer}/token`, {
      method: 'POST',
      headers: { authorization: operator },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'uma_protection' }),
    });

  it('issues nothing and says why and when to ask again', async () => {
    const refused = await token();
    expect([refused.status, refused.body.error]).to.deep.equal([503, 'temporarily_unavailable']);
    expect(refused.headers.get('retry-after')).to.equal('3');
    expect(authorization.server.notReady()).to.contain('policies');
    reason = undefined;
    expect((await token()).status).to.equal(200);
    expect(authorization.server.notReady()).to.equal(undefined);
  });

  it('still introspects, revokes and publishes its keys', async () => {
    reason = undefined;
    const pat = String((await token()).body.access_token);
    reason = 'other files';
    const headers = { authorization: `Bearer ${pat}` };
    const introspected = await call(`${authorization.issuer}/introspect`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ token: 'x' }),
    });
    expect(introspected.body).to.deep.equal({ active: false });
    expect((await call(`${authorization.issuer}/jwks`)).status).to.equal(200);
    const registered = await jsonCall(`${authorization.issuer}/resources`, 'POST', pat, { resource_scopes: ['a'] });
    expect(registered.status).to.equal(503);
  });
});
