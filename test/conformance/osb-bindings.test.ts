import { createHash, randomUUID } from 'node:crypto';
import { decrypt, getEncryptionPublicKey } from '@metamask/eth-sig-util';
import { expect } from 'chai';
import { compactDecrypt, importJWK } from 'jose';
import { ORGANIZATION, settled, type TestBroker, testBroker } from '../support/broker.js';

const PRIVATE_KEY = '7e5374ec2ef0d91761a6e72fdf8f6ac665519bfdf6da0a2329cf0d804514b816';
const READ = 'rpc-ethereum/read';
const NIMBUS = 'validator-nimbus/geth';

describe('OSB 2.17 service bindings', () => {
  let broker: TestBroker;
  const path = (instance: string, binding?: string) =>
    `/v2/service_instances/${instance}${binding === undefined ? '' : `/service_bindings/${encodeURIComponent(binding)}`}`;
  const query = (key: string) => `?${new URLSearchParams(broker.ids(key)).toString()}`;

  async function instance(key = READ, parameters?: object): Promise<string> {
    const id = randomUUID();
    const body = { ...broker.ids(key), ...ORGANIZATION, ...(parameters ? { parameters } : {}) };
    const made = await broker.send('PUT', `${path(id)}?accepts_incomplete=true`, { body });
    expect(made.status, JSON.stringify(made.body)).to.equal(202);
    await settled(broker, path(id));
    return id;
  }
  const bind = (id: string, binding: string, body: object = broker.ids(READ)) =>
    broker.send('PUT', path(id, binding), { body });

  before(async () => {
    broker = await testBroker();
    broker.broker.worker.start();
  });
  after(() => broker.close());

  it('22 25 binds an rpc instance at once, with the credentials of product.md', async () => {
    const id = await instance();
    const binding = randomUUID();
    const made = await bind(id, binding);
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    const { credentials, metadata, endpoints } = made.body;
    expect(Object.keys(credentials)).to.have.members([
      'uri',
      'ws_uri',
      'chain_id',
      'groups',
      'resource_id',
      'authorization_server',
      'bearer_token',
      'expires_at',
    ]);
    expect(credentials.uri).to.equal(`${broker.origin}/rpc/${binding}`);
    expect(credentials.ws_uri).to.equal(`${broker.origin.replace('http', 'ws')}/rpc/${binding}`);
    expect(credentials).to.deep.include({ chain_id: 31337, groups: ['read'] });
    expect(credentials.authorization_server).to.equal(`${broker.origin}/authz`);
    expect(Buffer.from(credentials.bearer_token, 'base64url')).to.have.length(32);
    expect(metadata.renew_before <= metadata.expires_at).to.equal(true);
    expect(metadata.expires_at).to.equal(credentials.expires_at);
    expect(endpoints).to.deep.equal([{ host: '127.0.0.1', ports: [new URL(broker.origin).port], protocol: 'tcp' }]);
    expect(made.headers.get('cache-control')).to.equal('no-store');
    const endpoint = broker.endpoints.open_.get(binding);
    expect(endpoint?.resourceId).to.equal(credentials.resource_id);
    expect(endpoint?.tokenHash).to.deep.equal(createHash('sha256').update(credentials.bearer_token).digest());
    expect(broker.guard.resources.get(credentials.resource_id)?.scopes).to.have.members(['read', 'delete', 'rpc:read']);
  });

  it('22 a repeat returns the same credentials; GET too; other attributes are 409', async () => {
    const id = await instance();
    const body = {
      ...broker.ids(READ),
      bind_resource: { app_guid: 'a' },
      parameters: { allowed_origins: ['http://a.example'] },
    };
    const made = await bind(id, 'repeat-1', body);
    expect(made.status).to.equal(201);
    const again = await bind(id, 'repeat-1', body);
    expect(again.status).to.equal(200);
    expect(again.body).to.deep.equal(made.body);
    const shown = await broker.send('GET', path(id, 'repeat-1'));
    expect(shown.body).to.deep.include({ credentials: made.body.credentials, parameters: body.parameters });
    const poll = await broker.send('GET', `${path(id, 'repeat-1')}/last_operation`);
    expect(poll.body.state).to.equal('succeeded');
    const others = [
      { ...body, bind_resource: { app_guid: 'b' } },
      { ...body, parameters: {} },
      { ...broker.ids(READ) },
    ];
    for (const other of others) expect((await bind(id, 'repeat-1', other)).status).to.equal(409);
    expect((await bind(await instance(), 'repeat-1')).status, 'on another instance').to.equal(409);
    expect(broker.endpoints.open_.get('repeat-1')?.allowedOrigins).to.deep.equal(['http://a.example']);
  });

  it('Fixed: nothing in the database shows a binding’s secret in clear', async () => {
    const id = await instance();
    const { body } = await bind(id, randomUUID());
    const token: string = body.credentials.bearer_token;
    for (const table of ['service_binding', 'service_instance', 'operation']) {
      const [dump] = await broker.dataSource.query(`SELECT string_agg(t::text, ' ') AS text FROM ${table} t`);
      expect(dump.text ?? '').not.to.contain(token);
      expect(dump.text ?? '').not.to.contain(Buffer.from(token).toString('hex'));
    }
  });

  it('23 rotation: the predecessor alone suffices; both work until one is deleted; a bad predecessor is 400', async () => {
    const id = await instance();
    const parameters = { allowed_origins: ['http://a.example'] };
    const old = await bind(id, 'old-1', { ...broker.ids(READ), parameters });
    const rotated = await bind(id, 'new-1', { predecessor_binding_id: 'old-1' });
    expect(rotated.status, JSON.stringify(rotated.body)).to.equal(201);
    expect(rotated.body.credentials.bearer_token).not.to.equal(old.body.credentials.bearer_token);
    expect(broker.endpoints.open_.get('new-1')?.allowedOrigins).to.deep.equal(['http://a.example']);
    expect(broker.endpoints.open_.has('old-1')).to.equal(true);
    expect((await bind(id, 'new-1', { predecessor_binding_id: 'old-1' })).status).to.equal(200);
    expect((await bind(id, 'new-1', { ...broker.ids(READ), parameters })).status, 'without predecessor').to.equal(409);
    expect((await bind(id, 'new-2', { predecessor_binding_id: 'nothing' })).status).to.equal(400);
    const elsewhere = await instance();
    expect((await bind(elsewhere, 'new-3', { predecessor_binding_id: 'old-1' })).status).to.equal(400);
    expect((await broker.send('DELETE', path(id, 'old-1') + query(READ))).status).to.equal(200);
    expect([...broker.endpoints.open_.keys()].filter((name) => /^(old|new)-1$/.test(name))).to.deep.equal(['new-1']);
    expect((await bind(id, 'new-1', { predecessor_binding_id: 'old-1' })).status, 'repeat').to.equal(200);
  });

  it('24 GET of an unknown binding is 404; DELETE: 400, 410; both credential kinds die with it', async () => {
    const id = await instance();
    const { body } = await bind(id, 'gone-1');
    expect((await broker.send('GET', path(id, 'nothing'))).status).to.equal(404);
    expect((await broker.send('DELETE', path(id, 'gone-1'))).status).to.equal(400);
    expect((await broker.send('DELETE', path(id, 'gone-1') + query(NIMBUS))).status).to.equal(400);
    const deleted = await broker.send('DELETE', path(id, 'gone-1') + query(READ));
    expect([deleted.status, deleted.body]).to.deep.equal([200, {}]);
    expect(broker.endpoints.open_.has('gone-1')).to.equal(false);
    expect(broker.guard.resources.has(body.credentials.resource_id)).to.equal(false);
    expect((await broker.send('GET', path(id, 'gone-1'))).status).to.equal(404);
    expect((await broker.send('DELETE', path(id, 'gone-1') + query(READ))).status).to.equal(410);
    expect((await broker.send('GET', `${path(id, 'gone-1')}/last_operation`)).body.state).to.equal('succeeded');
    const again = await bind(id, 'gone-1');
    expect(again.status, 'its id is free again').to.equal(201);
    expect(again.body.credentials.resource_id).not.to.equal(body.credentials.resource_id);
  });

  it('26 deprovision cascades: every binding’s credentials die at once', async () => {
    const id = await instance();
    await bind(id, 'live-1');
    await bind(id, 'live-2');
    const deleted = await broker.send('DELETE', path(id) + query(READ));
    expect(deleted.status).to.equal(200);
    for (const name of ['live-1', 'live-2']) {
      expect(broker.endpoints.open_.has(name)).to.equal(false);
      expect(broker.guard.resourceId('binding', name)).to.equal(undefined);
    }
    expect(broker.guard.resourceId('instance', id)).to.equal(undefined);
  });

  it('binds a validator instance to what product.md says', async () => {
    const id = await instance(NIMBUS);
    const made = await bind(id, randomUUID(), broker.ids(NIMBUS));
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    expect(made.body.credentials).to.deep.equal({
      public_keys: [`0x${'ab'.repeat(48)}`],
      implementation: 'nimbus',
      beacon_api_uri: 'http://127.0.0.1:5052',
      assignments_uri: `${broker.origin}/assignments`,
    });
    const rotate = await bind(id, 'rotate-v', { predecessor_binding_id: 'nothing' });
    expect(rotate.status).to.equal(400);
  });

  it('with encryption_public_key only its holder reads the credentials, and a repeat returns the same', async () => {
    const encryption_public_key = getEncryptionPublicKey(PRIVATE_KEY);
    const read = (credentials: { encrypted: Parameters<typeof decrypt>[0]['encryptedData'] }) =>
      JSON.parse(decrypt({ encryptedData: credentials.encrypted, privateKey: PRIVATE_KEY }));
    const atBind = await instance();
    const body = { ...broker.ids(READ), parameters: { encryption_public_key } };
    const made = await bind(atBind, 'enc-1', body);
    expect(Object.keys(made.body.credentials)).to.deep.equal(['encrypted']);
    expect(Object.keys(made.body.credentials.encrypted)).to.have.members([
      'version',
      'nonce',
      'ephemPublicKey',
      'ciphertext',
    ]);
    expect(made.body.credentials.encrypted.version).to.equal('x25519-xsalsa20-poly1305');
    expect(read(made.body.credentials).uri).to.equal(`${broker.origin}/rpc/enc-1`);
    expect((await bind(atBind, 'enc-1', body)).body).to.deep.equal(made.body);
    const atCreation = await instance(READ, { encryption_public_key });
    expect(read((await bind(atCreation, 'enc-2')).body.credentials).chain_id).to.equal(31337);
  });

  it('encryption_format jwe: a compact JWE to the same key, at bind or as the owner chose at creation; needs a key', async () => {
    const encryption_public_key = getEncryptionPublicKey(PRIVATE_KEY);
    const jwe = { encryption_public_key, encryption_format: 'jwe' };
    const read = async (credentials: { encrypted: { version: string; jwe: string } }) => {
      expect(credentials.encrypted).to.have.all.keys('version', 'jwe');
      expect(credentials.encrypted.version).to.equal('jwe');
      const x = Buffer.from(encryption_public_key, 'base64').toString('base64url');
      const d = Buffer.from(PRIVATE_KEY, 'hex').toString('base64url');
      const key = await importJWK({ kty: 'OKP', crv: 'X25519', x, d }, 'ECDH-ES');
      const { plaintext } = await compactDecrypt(credentials.encrypted.jwe, key);
      return JSON.parse(Buffer.from(plaintext).toString());
    };
    const id = await instance();
    const body = { ...broker.ids(READ), parameters: jwe };
    const made = await bind(id, 'jwe-1', body);
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    expect((await read(made.body.credentials)).uri).to.equal(`${broker.origin}/rpc/jwe-1`);
    expect((await bind(id, 'jwe-1', body)).body).to.deep.equal(made.body);
    const other = { ...body, parameters: { encryption_public_key } };
    expect((await bind(id, 'jwe-1', other)).status, 'another format is another binding').to.equal(409);
    const atCreation = await instance(READ, jwe);
    expect((await read((await bind(atCreation, 'jwe-2')).body.credentials)).chain_id).to.equal(31337);
    const wallet = { ...broker.ids(READ), parameters: { encryption_format: 'x25519-xsalsa20-poly1305' } };
    const forWallet = (await bind(atCreation, 'jwe-3', wallet)).body.credentials.encrypted;
    expect(JSON.parse(decrypt({ encryptedData: forWallet, privateKey: PRIVATE_KEY })).chain_id).to.equal(31337);
    for (const parameters of [{ encryption_format: 'jwe' }, { ...jwe, encryption_format: 'rot13' }])
      expect((await bind(id, 'jwe-4', { ...broker.ids(READ), parameters })).status).to.equal(400);
  });

  it('closes a binding’s endpoint when its time is over', async () => {
    const id = await instance();
    await bind(id, 'old-age');
    const [job] = broker.broker.jobs;
    await job?.run(new AbortController().signal);
    expect(broker.endpoints.open_.has('old-age')).to.equal(true);
    broker.advance(91 * 24 * 3_600_000);
    await job?.run(new AbortController().signal);
    broker.advance(-91 * 24 * 3_600_000);
    expect(broker.endpoints.open_.has('old-age')).to.equal(false);
    expect((await broker.send('DELETE', path(id, 'old-age') + query(READ))).status).to.equal(200);
  });
});
