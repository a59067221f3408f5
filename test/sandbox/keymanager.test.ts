import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import blsKeystore from '@chainsafe/bls-keystore';
import { expect } from 'chai';
import { type BlsSecretKey, publicKeyHex, SecretKey } from '../../src/sandbox/bls.js';
import { type Listening, serve } from '../../src/sandbox/http.js';
import { FaultSet, type Faults } from '../../src/sandbox/validator-client/faults.js';
import { KeyStore } from '../../src/sandbox/validator-client/key-store.js';
import { authorizer, keymanagerRoutes } from '../../src/sandbox/validator-client/keymanager.js';
import { openKeystore, sealKeystore } from '../../src/sandbox/validator-client/keystore.js';
import { ProtectionStore } from '../../src/sandbox/validator-client/protection-store.js';
import { quirksOf } from '../../src/sandbox/validator-client/quirks.js';
import { settingRoutes } from '../../src/sandbox/validator-client/settings.js';

const { create, decrypt } = blsKeystore;
const GENESIS = `0x${'0a'.repeat(32)}`;
const TOKEN = 'the-token';
const PASSWORD = 'correct horse';

interface Answer {
  status: number;
  // Bodies of many shapes; each test states what it expects of its own.
  body: { data: { status: string }[]; slashing_protection: string };
}

describe('sandbox validator client: Keymanager API v1.1.0', () => {
  let folder: string;
  let faults: FaultSet;
  let keys: KeyStore;
  let protection: ProtectionStore;
  let listening: Listening;
  let secret: BlsSecretKey;
  let publicKey: string;
  let keystore: string;

  before(async () => {
    secret = SecretKey.fromKeygen(Buffer.alloc(32, 7));
    publicKey = publicKeyHex(secret);
    keystore = await sealKeystore(secret, PASSWORD, '');
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ovsb-keymanager-'));
  });

  afterEach(async () => {
    await listening.close();
    protection.close();
    rmSync(folder, { recursive: true });
  });

  async function start(implementation = 'teku', set: Partial<Faults> = {}): Promise<void> {
    faults = new FaultSet(folder);
    faults.replace(set);
    keys = new KeyStore(folder);
    protection = new ProtectionStore(folder, GENESIS);
    const settled = () => Promise.resolve();
    const parts = { keys, protection, faults, quirks: quirksOf(implementation), settled };
    listening = await serve(0, [...keymanagerRoutes(parts), ...settingRoutes(keys)], authorizer(TOKEN));
  }

  async function call(
    method: string,
    path: string,
    body?: unknown,
    token: string | undefined = TOKEN,
  ): Promise<Answer> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${listening.uri}${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }

  const interchange = (target: string, root = GENESIS) =>
    JSON.stringify({
      metadata: { interchange_format_version: '5', genesis_validators_root: root },
      data: [
        { pubkey: publicKey, signed_blocks: [], signed_attestations: [{ source_epoch: '1', target_epoch: target }] },
      ],
    });
  const importKey = (extra: Record<string, unknown> = {}) =>
    call('POST', '/eth/v1/keystores', { keystores: [keystore], passwords: [PASSWORD], ...extra });
  const deleteKey = () => call('DELETE', '/eth/v1/keystores', { pubkeys: [publicKey] });
  const statuses = (answer: Answer) => answer.body.data.map((item) => item.status);
  const listed = async () => (await call('GET', '/eth/v1/keystores')).body.data.length;
  const wouldSign = (target: number) =>
    protection.allow([{ kind: 'attestation', publicKey, source: 1, target, root: '0x01' }]).length === 1;

  it('answers 401 without a token and 403 with a wrong one', async () => {
    await start();
    const none = await fetch(`${listening.uri}/eth/v1/keystores`);
    expect(none.status).to.equal(401);
    expect((await call('GET', '/eth/v1/keystores', undefined, 'wrong')).status).to.equal(403);
  });

  it('imports with protection, then knows a duplicate, and lists the key', async () => {
    await start();
    expect(statuses(await importKey({ slashing_protection: interchange('50') }))).to.deep.equal(['imported']);
    expect(statuses(await importKey())).to.deep.equal(['duplicate']);
    expect(await listed()).to.equal(1);
    expect(wouldSign(50)).to.equal(false);
    expect(wouldSign(51)).to.equal(true);
  });

  it('reports a wrong password per item and keeps the order', async () => {
    await start();
    const answer = await call('POST', '/eth/v1/keystores', {
      keystores: ['{}', keystore],
      passwords: ['x', PASSWORD],
    });
    expect(statuses(answer)).to.deep.equal(['error', 'imported']);
    expect(statuses(await importKey({ passwords: ['wrong'] }))).to.deep.equal(['duplicate']);
  });

  it('refuses unreadable protection and lists of different length with 400, nothing imported', async () => {
    await start();
    expect((await importKey({ slashing_protection: 'no json' })).status).to.equal(400);
    expect((await importKey({ slashing_protection: interchange('5', `0x${'ff'.repeat(32)}`) })).status).to.equal(400);
    expect((await importKey({ passwords: [] })).status).to.equal(400);
    expect(await listed()).to.equal(0);
  });

  it('deletes with the protection, tells it again, and never erases it', async () => {
    await start();
    await importKey({ slashing_protection: interchange('50') });
    const first = await deleteKey();
    expect(statuses(first)).to.deep.equal(['deleted']);
    const second = await deleteKey();
    expect(statuses(second)).to.deep.equal(['not_active']);
    expect(second.body.slashing_protection).to.equal(first.body.slashing_protection);
    expect(first.body.slashing_protection).to.contain('"target_epoch":"50"');
    expect(await listed()).to.equal(0);
  });

  it('deleting a key never seen is not_found', async () => {
    await start();
    expect(statuses(await deleteKey())).to.deep.equal(['not_found']);
  });

  it('deleting a key that was here but never signed is not_active', async () => {
    await start();
    await importKey();
    await deleteKey();
    expect(statuses(await deleteKey())).to.deep.equal(['not_active']);
  });

  it('quirk nimbus: the second delete is not_found', async () => {
    await start('nimbus');
    await importKey({ slashing_protection: interchange('50') });
    expect(statuses(await deleteKey())).to.deep.equal(['deleted']);
    expect(statuses(await deleteKey())).to.deep.equal(['not_found']);
  });

  it('quirk lodestar: not_active for unseen keys, 200 on length mismatch, 500 on a wrong genesis root', async () => {
    await start('lodestar');
    expect(statuses(await deleteKey())).to.deep.equal(['not_active']);
    expect(statuses(await importKey({ passwords: [] }))).to.deep.equal(['error']);
    expect((await importKey({ slashing_protection: interchange('5', `0x${'ff'.repeat(32)}`) })).status).to.equal(500);
  });

  it('fault delete_lies: says deleted n times and keeps the key', async () => {
    await start('teku', { delete_lies: 2 });
    await importKey();
    expect(statuses(await deleteKey())).to.deep.equal(['deleted']);
    expect(statuses(await deleteKey())).to.deep.equal(['deleted']);
    expect(await listed()).to.equal(1);
    expect(statuses(await deleteKey())).to.deep.equal(['deleted']);
    expect(await listed()).to.equal(0);
  });

  it('fault resurrect_on_restart: what was deleted while it was on comes back', async () => {
    await start('teku', { resurrect_on_restart: true });
    await importKey();
    await deleteKey();
    expect(new KeyStore(folder).resurrect()).to.deep.equal([publicKey]);
  });

  it('fault not_found_after_delete', async () => {
    await start('teku', { not_found_after_delete: true });
    await importKey({ slashing_protection: interchange('50') });
    await deleteKey();
    expect(statuses(await deleteKey())).to.deep.equal(['not_found']);
  });

  it('fault duplicate_without_protection: takes the key, drops its history', async () => {
    await start('teku', { duplicate_without_protection: true });
    expect(statuses(await importKey({ slashing_protection: interchange('50') }))).to.deep.equal(['duplicate']);
    expect(await listed()).to.equal(1);
    expect(wouldSign(2)).to.equal(true);
  });

  it('fault answer_5xx_after_effect: the effect stands', async () => {
    await start('teku', { answer_5xx_after_effect: 2 });
    expect((await importKey()).status).to.equal(500);
    expect(await listed()).to.equal(1);
    expect((await deleteKey()).status).to.equal(500);
    expect(await listed()).to.equal(0);
    expect(statuses(await importKey())).to.deep.equal(['imported']);
  });

  it('fault delay_post_ms: the effect comes late, also when the caller has gone', async () => {
    await start('teku', { delay_post_ms: 300 });
    const gone = fetch(`${listening.uri}/eth/v1/keystores`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ keystores: [keystore], passwords: [PASSWORD] }),
      signal: AbortSignal.timeout(100),
    });
    const reason = await gone.then(
      () => 'answered',
      () => 'gone',
    );
    expect(reason).to.equal('gone');
    expect(await listed()).to.equal(0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await listed()).to.equal(1);
  });

  it('faults outlive a restart', async () => {
    await start('teku', { delete_lies: 3 });
    expect(new FaultSet(folder).current().delete_lies).to.equal(3);
  });

  it('fee recipient, gas limit and graffiti: default, 202 set, 204 cleared, 404 unknown, 400 malformed', async () => {
    await start();
    await importKey();
    const path = `/eth/v1/validator/${publicKey}`;
    const recipient = `0x${'12'.repeat(20)}`;
    expect((await call('POST', `${path}/feerecipient`, { ethaddress: recipient })).status).to.equal(202);
    expect((await call('GET', `${path}/feerecipient`)).body.data).to.deep.equal({
      pubkey: publicKey,
      ethaddress: recipient,
    });
    expect((await call('POST', `${path}/gas_limit`, { gas_limit: 'many' })).status).to.equal(400);
    expect((await call('POST', `${path}/graffiti`, { graffiti: 'hello' })).status).to.equal(202);
    expect((await call('DELETE', `${path}/graffiti`)).status).to.equal(204);
    expect((await call('GET', `/eth/v1/validator/0x${'99'.repeat(48)}/gas_limit`)).status).to.equal(404);
  });

  it('opens scrypt keystores of another implementation, and writes ones that it opens', async () => {
    await start();
    const foreign = await create(PASSWORD, secret.toBytes(), secret.toPublicKey().toBytes(), '', null, {
      function: 'scrypt',
      params: { dklen: 32, n: 1024, r: 8, p: 1, salt: '51'.repeat(32) },
    });
    expect((await openKeystore(JSON.stringify(foreign), PASSWORD)).publicKey).to.equal(publicKey);
    const refusal = await openKeystore(JSON.stringify(foreign), 'wrong').catch((thrown: Error) => thrown.message);
    expect(refusal).to.equal('wrong password');
    expect(Buffer.from(await decrypt(JSON.parse(keystore), PASSWORD))).to.deep.equal(Buffer.from(secret.toBytes()));
  });
});
