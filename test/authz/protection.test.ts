import { expect } from 'chai';
import {
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
  token,
  walletRpt,
} from './support.js';

describe('Protection API', () => {
  let authz: TestAuthorization;
  let owner: Required<Credentials>;
  let pat: string;

  before(async () => {
    authz = await startAuthorization();
    owner = await register(authz.issuer);
    pat = await patOf(authz.issuer, owner);
  });
  after(() => authz.close());

  const resources = () => `${authz.issuer}/resources`;
  const photo = {
    resource_scopes: ['view', 'print'],
    name: 'Photo',
    'name#ja': '写真',
    type: 'open',
    icon_uri: 'https://x.example/i.png',
  };
  const create = async (body: unknown = photo, bearer = pat) =>
    (await jsonCall(resources(), 'POST', bearer, body)).body._id as string;

  describe('P: the PAT', () => {
    const endpoints: [string, string][] = [
      ['GET', '/resources'],
      ['POST', '/resources'],
      ['GET', '/resources/x'],
      ['PUT', '/resources/x'],
      ['DELETE', '/resources/x'],
      ['POST', '/permission'],
      ['POST', '/introspect'],
    ];
    for (const [method, path] of endpoints) {
      it(`P.1, P.2, F.22: ${method} ${path} asks for one before it looks at the body`, async () => {
        const bad = method === 'GET' || method === 'DELETE' ? {} : { body: '{"half' };
        const headers = { 'content-type': 'application/json' };
        const none = await call(`${authz.issuer}${path}`, { method, headers, ...bad });
        expect(none.status).to.equal(401);
        expect(none.headers.get('www-authenticate')).to.match(/^Bearer realm="[^"]+"$/);
        const authorization = 'Bearer nonsense';
        const garbage = await call(`${authz.issuer}${path}`, {
          method,
          headers: { ...headers, authorization },
          ...bad,
        });
        expect(garbage.status).to.equal(401);
        expect(garbage.headers.get('www-authenticate')).to.include('error="invalid_token"');
      });
    }

    it('P.4: without the scope: insufficient_scope', async () => {
      const { body } = await token(authz.issuer, owner, { grant_type: 'client_credentials' });
      const answer = await jsonCall(resources(), 'GET', body.access_token);
      expect(answer.status).to.equal(401);
      expect(answer.headers.get('www-authenticate')).to.include('error="insufficient_scope"');
    });

    it('P.3: expired: invalid_token', async () => {
      const old = await patOf(authz.issuer, owner);
      await authz.database.dataSource.query(
        `UPDATE oauth_record SET expires_at = now() - interval '1 second' WHERE model = 'ClientCredentials'`,
      );
      const answer = await jsonCall(resources(), 'GET', old);
      expect(answer.headers.get('www-authenticate')).to.include('error="invalid_token"');
      pat = await patOf(authz.issuer, owner);
    });

    it('P.5: an RPT is no PAT', async () => {
      const plan = await ensure(authz.server, 'plan', 'p', ['instance:create']);
      const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
      expect((await jsonCall(resources(), 'GET', rpt.body.access_token)).status).to.equal(401);
    });

    it('P.6: resources of one owner are invisible to another, operator included', async () => {
      const id = await create();
      const operatorPat = await patOf(authz.issuer, OPERATOR);
      for (const other of [operatorPat, await patOf(authz.issuer, await register(authz.issuer))]) {
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const answer = await jsonCall(`${resources()}/${id}`, method, other, method === 'PUT' ? photo : undefined);
          expect(answer.status, method).to.equal(404);
          expect(answer.body.error).to.equal('not_found');
        }
        expect((await jsonCall(resources(), 'GET', other)).body).to.not.include(id);
        const permission = await jsonCall(`${authz.issuer}/permission`, 'POST', other, {
          resource_id: id,
          resource_scopes: ['view'],
        });
        expect(permission.body.error).to.equal('invalid_resource_id');
      }
    });

    it('F.3: the operator’s PAT covers the broker’s own resources, which it cannot change over HTTP', async () => {
      const id = await ensure(authz.server, 'plan', 'q', ['instance:create']);
      const operatorPat = await patOf(authz.issuer, OPERATOR);
      expect((await jsonCall(resources(), 'GET', operatorPat)).body).to.include(id);
      expect((await jsonCall(`${resources()}/${id}`, 'GET', operatorPat)).body.name).to.equal('plan q');
      expect((await jsonCall(`${resources()}/${id}`, 'DELETE', operatorPat)).status).to.equal(400);
    });
  });

  describe('R: resource registration', () => {
    it('R.1, R.2, R.5, R.7: create 201 with Location and _id, read 200 with the description, list', async () => {
      const created = await jsonCall(resources(), 'POST', pat, photo);
      expect(created.status).to.equal(201);
      expect(created.headers.get('location')).to.equal(`${resources()}/${created.body._id}`);
      const read = await jsonCall(created.headers.get('location') ?? '', 'GET', pat);
      expect(read.status).to.equal(200);
      expect(read.body).to.deep.equal({ _id: created.body._id, ...photo });
      const list = await jsonCall(resources(), 'GET', pat);
      expect(list.status).to.equal(200);
      expect(list.body).to.be.an('array').that.includes(created.body._id);
    });

    it('R.3: PUT replaces the whole description', async () => {
      const id = await create();
      const put = await jsonCall(`${resources()}/${id}`, 'PUT', pat, { resource_scopes: ['view'] });
      expect(put.status).to.equal(200);
      expect(put.body._id).to.equal(id);
      expect((await jsonCall(`${resources()}/${id}`, 'GET', pat)).body).to.deep.equal({
        _id: id,
        resource_scopes: ['view'],
      });
    });

    it('R.4, R.8: DELETE 204, then 404', async () => {
      const id = await create();
      expect((await jsonCall(`${resources()}/${id}`, 'DELETE', pat)).status).to.equal(204);
      for (const method of ['GET', 'DELETE'])
        expect((await jsonCall(`${resources()}/${id}`, method, pat)).status).to.equal(404);
      expect((await jsonCall(`${resources()}/${id}`, 'PUT', pat, photo)).status).to.equal(404);
    });

    for (const [method, path] of [
      ['PUT', ''],
      ['DELETE', ''],
      ['PATCH', ''],
      ['POST', '/x'],
      ['PATCH', '/x'],
    ] as const) {
      it(`R.9, F.20: ${method} on ${path === '' ? 'the collection' : 'an item'}: 405 unsupported_method_type`, async () => {
        const answer = await jsonCall(`${resources()}${path}`, method, pat, photo);
        expect(answer.status).to.equal(405);
        expect(answer.body.error).to.equal('unsupported_method_type');
        expect(answer.headers.get('allow')).to.include('GET');
      });
    }

    for (const [what, body] of Object.entries({
      'no scopes': { name: 'x' },
      'scopes that are no array': { resource_scopes: 'view' },
      'scopes that are no strings': { resource_scopes: [1] },
      'a name that is no string': { resource_scopes: [], name: {} },
      'an array': [],
      'a string': 'x',
      null: null,
      'NUL in a name': { resource_scopes: [], name: '\0' },
      'a lone surrogate': { resource_scopes: ['\ud800'] },
    })) {
      it(`R.6, R.10, F.21: ${what}: 400 invalid_request, nothing stored`, async () => {
        const before = (await jsonCall(resources(), 'GET', pat)).body.length;
        const answer = await jsonCall(resources(), 'POST', pat, body);
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('invalid_request');
        expect((await jsonCall(resources(), 'GET', pat)).body.length).to.equal(before);
      });
    }

    it('R.10: malformed, too big or not JSON: a 4xx', async () => {
      const post = (body: string, type: string) =>
        call(resources(), { method: 'POST', body, headers: { authorization: `Bearer ${pat}`, 'content-type': type } });
      expect((await post('{', 'application/json')).status).to.equal(400);
      expect((await post('a=b', 'application/x-www-form-urlencoded')).status).to.equal(400);
      expect((await post(`{"resource_scopes":["${'x'.repeat(70_000)}"]}`, 'application/json')).status).to.equal(413);
    });

    it('R.11: deleting a resource ends its tickets and permissions at once', async () => {
      const id = await create();
      const ask = async () =>
        (await jsonCall(`${authz.issuer}/permission`, 'POST', pat, { resource_id: id, resource_scopes: ['view'] })).body
          .ticket as string;
      const rpt = await present(authz.issuer, CLI, await ask());
      expect(rpt.status, rpt.text).to.equal(200);
      const pending = await ask();
      await jsonCall(`${resources()}/${id}`, 'DELETE', pat);
      expect((await present(authz.issuer, CLI, pending)).body.error).to.equal('invalid_grant');
      const form = { method: 'POST', headers: { authorization: `Bearer ${pat}` } };
      const introspected = await call(`${authz.issuer}/introspect`, {
        ...form,
        body: new URLSearchParams({ token: rpt.body.access_token }),
      });
      expect(introspected.body).to.deep.equal({ active: false });
    });
  });

  describe('T: permission endpoint', () => {
    const permission = (body: unknown, bearer = pat) => jsonCall(`${authz.issuer}/permission`, 'POST', bearer, body);

    it('T.1, T.5: an object or an array in, 201 and one ticket out, no-store', async () => {
      const [first, second] = [await create(), await create()];
      for (const body of [
        { resource_id: first, resource_scopes: ['view'] },
        [
          { resource_id: first, resource_scopes: ['view'] },
          { resource_id: second, resource_scopes: ['print'] },
        ],
      ]) {
        const answer = await permission(body);
        expect(answer.status).to.equal(201);
        expect(answer.body.ticket).to.be.a('string');
        expect(Object.keys(answer.body)).to.deep.equal(['ticket']);
        expect(answer.headers.get('cache-control')).to.equal('no-store');
      }
    });

    for (const path of ['permission', 'introspect'])
      it(`GET /${path}: 405 unsupported_method_type`, async () => {
        const answer = await jsonCall(`${authz.issuer}/${path}`, 'GET', pat);
        expect(answer.status).to.equal(405);
        expect(answer.body.error).to.equal('unsupported_method_type');
        expect(answer.headers.get('allow')).to.equal('POST');
      });

    it('T.4: an empty scope array is legal', async () => {
      expect((await permission({ resource_id: await create(), resource_scopes: [] })).status).to.equal(201);
    });

    it('T.2, T.3: invalid_resource_id and invalid_scope', async () => {
      expect((await permission({ resource_id: 'none', resource_scopes: [] })).body.error).to.equal(
        'invalid_resource_id',
      );
      const answer = await permission({ resource_id: await create(), resource_scopes: ['burn'] });
      expect(answer.status).to.equal(400);
      expect(answer.body.error).to.equal('invalid_scope');
    });

    for (const [what, body] of Object.entries({
      'an empty array': [],
      'no resource_id': { resource_scopes: [] },
      'no scopes': { resource_id: 'x' },
      'scopes of a wrong type': { resource_id: 'x', resource_scopes: 'view' },
      'a number': 1,
    })) {
      it(`F.21: ${what} as a permission: invalid_request`, async () => {
        const answer = await permission(body);
        expect(answer.status).to.equal(400);
        expect(answer.body.error).to.equal('invalid_request');
      });
    }
  });

  describe('I: introspection', () => {
    const introspect = (bearer: string, body: string) =>
      call(`${authz.issuer}/introspect`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/x-www-form-urlencoded' },
      });

    it('I.1, I.2, I.3, F.15, F.17, T.5: an active RPT has permissions and no scope; another PAT sees nothing of it', async () => {
      const id = await create();
      const { body } = await jsonCall(`${authz.issuer}/permission`, 'POST', pat, {
        resource_id: id,
        resource_scopes: ['view'],
      });
      const rpt = await present(authz.issuer, CLI, body.ticket);
      const seen = await introspect(pat, `token=${rpt.body.access_token}&token_type_hint=requesting_party_token`);
      expect(seen.body.active).to.equal(true);
      expect(seen.body).to.not.have.property('scope');
      expect(seen.body.permissions[0]).to.include({ resource_id: id });
      expect(seen.body.permissions[0].resource_scopes).to.deep.equal(['view']);
      expect(seen.body.policy_set).to.equal('policies-1');
      expect(seen.headers.get('cache-control')).to.equal('no-store');
      const operatorPat = await patOf(authz.issuer, OPERATOR);
      expect((await introspect(operatorPat, `token=${rpt.body.access_token}`)).body).to.deep.equal({ active: false });
    });

    it('I.4: anything else is {"active": false}, 200', async () => {
      for (const value of ['garbage', pat, 'a.b.c', '%00', 'eyJhbGciOiJub25lIn0.e30.']) {
        const answer = await introspect(pat, `token=${value}`);
        expect(answer.status, value).to.equal(200);
        expect(answer.body).to.deep.equal({ active: false });
      }
    });

    it('F.21: introspection of no token, or two: invalid_request', async () => {
      expect((await introspect(pat, '')).body.error).to.equal('invalid_request');
      expect((await introspect(pat, 'token=a&token=b')).body.error).to.equal('invalid_request');
    });

    it('I.4: expired: inactive', async () => {
      const plan = await ensure(authz.server, 'plan', 'r', ['instance:create']);
      const rpt = await walletRpt(authz.issuer, plan, 'instance:create');
      await authz.database.dataSource.query(`UPDATE rpt SET expires_at = now() - interval '1 second'`);
      const operatorPat = await patOf(authz.issuer, OPERATOR);
      expect((await introspect(operatorPat, `token=${rpt.body.access_token}`)).body).to.deep.equal({ active: false });
      const guarded = await call(guardedUrl(authz.issuer, plan, 'instance:create'), {
        headers: { authorization: `Bearer ${rpt.body.access_token}` },
      });
      expect(guarded.status).to.equal(401);
    });
  });
});
