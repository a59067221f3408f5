import { expect } from 'chai';
import { call, jsonCall, patOf, register, startAuthorization, type TestAuthorization, UMA } from './support.js';

describe('Discovery and registration', () => {
  let authz: TestAuthorization;

  before(async () => {
    authz = await startAuthorization();
  });
  after(() => authz.close());

  it('D1, D2: uma2-configuration lies at the issuer, string-concatenated, in RFC 8414 shape', async () => {
    const { status, body, headers } = await call(`${authz.issuer}/.well-known/uma2-configuration`);
    expect(status).to.equal(200);
    expect(body.issuer).to.equal(authz.issuer);
    expect(body.grant_types_supported).to.include(UMA);
    expect(body.response_types_supported).to.deep.equal([]);
    expect(headers.get('cache-control')).to.not.equal('no-store');
  });

  it('D3, D5, D6, D7: names its endpoints', async () => {
    const { body } = await call(`${authz.issuer}/.well-known/uma2-configuration`);
    for (const name of [
      'claims_interaction',
      'permission',
      'resource_registration',
      'introspection',
      'revocation',
      'token',
    ]) {
      expect(body[`${name}_endpoint`], name).to.match(/^http:\/\/127\.0\.0\.1:\d+\/authz\/\w+$/);
    }
  });

  it('D4, F.16: uma_profiles_supported lists claim formats and the alternatives extension', async () => {
    const { body } = await call(`${authz.issuer}/.well-known/uma2-configuration`);
    expect(body.uma_profiles_supported).to.include.members([
      'urn:ovsb:claim-token:eip4361',
      'urn:ovsb:uma:alternatives',
    ]);
  });

  it('openid-configuration and JWKS are served, without private members', async () => {
    const { body } = await call(`${authz.issuer}/.well-known/openid-configuration`);
    expect(body.issuer).to.equal(authz.issuer);
    const { body: jwks } = await call(body.jwks_uri);
    expect(jwks.keys).to.have.length(1);
    expect(jwks.keys[0]).to.include({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }).and.not.have.property('d');
  });

  it('T.6: discovery and JWKS may be kept, whatever the application sets for its other answers', async () => {
    for (const path of ['.well-known/uma2-configuration', '.well-known/openid-configuration', 'jwks']) {
      const { headers } = await call(`${authz.issuer}/${path}`);
      expect(headers.get('cache-control'), path).to.match(/^public, max-age=\d+$/);
    }
  });

  it('D9, F.1: open registration takes claims_redirect_uris and answers 201', async () => {
    const answer = await jsonCall(`${authz.issuer}/register`, 'POST', undefined, {
      client_name: 'A dApp',
      grant_types: [UMA, 'client_credentials'],
      scope: 'uma_protection',
      claims_redirect_uris: ['https://dapp.example/back'],
    });
    expect(answer.status).to.equal(201);
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    expect(answer.body.claims_redirect_uris).to.deep.equal(['https://dapp.example/back']);
    expect(answer.body.client_secret_expires_at).to.equal(0);
  });

  it('F.2: a registered client is its own resource owner, with a PAT, and asks for what it owns', async () => {
    const [owner, other] = [await register(authz.issuer), await register(authz.issuer)];
    const pat = await patOf(authz.issuer, owner);
    const { body: created } = await jsonCall(`${authz.issuer}/resources`, 'POST', pat, { resource_scopes: ['view'] });
    expect((await jsonCall(`${authz.issuer}/resources`, 'GET', pat)).body).to.deep.equal([created._id]);
    const list = await jsonCall(`${authz.issuer}/resources`, 'GET', await patOf(authz.issuer, other));
    expect(list.body).to.deep.equal([]);
    const permission = { resource_id: created._id, resource_scopes: ['view'] };
    expect((await jsonCall(`${authz.issuer}/permission`, 'POST', pat, permission)).status).to.equal(201);
  });

  it('D9: the secret is not stored, only its digest', async () => {
    const client = await register(authz.issuer);
    const rows = await authz.database.dataSource.query('SELECT payload::text FROM oauth_record');
    expect(JSON.stringify(rows)).to.not.include(client.clientSecret);
  });

  for (const [what, metadata] of Object.entries({
    'a javascript redirect': { claims_redirect_uris: ['javascript:alert(1)'] },
    'a relative redirect': { claims_redirect_uris: ['/back'] },
    'a line end in a redirect': { claims_redirect_uris: ['https://x.example/\nSet-Cookie:a'] },
    'a redirect beyond ASCII': { claims_redirect_uris: ['https://x.example/ü'] },
    'a fragment': { claims_redirect_uris: ['https://x.example/#f'] },
    'an unknown grant type': { grant_types: ['implicit'] },
    'an unknown authentication method': { token_endpoint_auth_method: 'private_key_jwt' },
    'a wrong type': { claims_redirect_uris: 'https://x.example' },
    'NUL in a name': { client_name: 'a\0b' },
    'a public client with client_credentials': {
      token_endpoint_auth_method: 'none',
      grant_types: ['client_credentials'],
    },
  })) {
    it(`D9: refuses ${what}`, async () => {
      const answer = await jsonCall(`${authz.issuer}/register`, 'POST', undefined, metadata);
      expect(answer.status).to.equal(400);
      expect(answer.body.error).to.be.oneOf(['invalid_client_metadata', 'invalid_redirect_uri', 'invalid_request']);
    });
  }

  it('D9, F.1: closed registration asks for the initial access token', async () => {
    const closed = await startAuthorization({ openRegistration: false, initialAccessToken: 'first-token' });
    try {
      expect((await jsonCall(`${closed.issuer}/register`, 'POST', undefined, {})).status).to.equal(401);
      expect((await jsonCall(`${closed.issuer}/register`, 'POST', 'other', {})).status).to.equal(401);
      expect((await jsonCall(`${closed.issuer}/register`, 'POST', 'first-token', {})).status).to.equal(201);
    } finally {
      await closed.close();
    }
  });

  it('answers 404 in JSON below the issuer and offers none of the provider’s other endpoints', async () => {
    for (const path of ['/nothing', '/auth?client_id=app', '/session/end', '/me']) {
      const answer = await call(`${authz.issuer}${path}`);
      expect(answer.status, path).to.equal(404);
      expect(answer.body.error).to.equal('not_found');
    }
  });
});
