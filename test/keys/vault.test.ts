import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bls from '@chainsafe/bls';
import { create, decrypt, type IKeystore } from '@chainsafe/bls-keystore';
import { expect } from 'chai';
import { createDataKey } from '../../src/keys/data-key.js';
import { assertBlsNative } from '../../src/keys/vault/assert-bls-native.js';
import { decryptKeystore, encryptForMachine, parseKeystore } from '../../src/keys/vault/keystore-codec.js';
import { createVault } from '../../src/keys/vault/vault.js';
import { ROOT } from '../../src/paths.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const weak = {
  function: 'pbkdf2' as const,
  params: { dklen: 32, c: 16, prf: 'hmac-sha256' as const, salt: '00'.repeat(32) },
};

/** A keystore of a fresh key, made by @chainsafe/bls-keystore with a cheap derivation. */
async function given(): Promise<{ publicKey: string; keystore: string; password: string }> {
  const secret = bls.SecretKey.fromKeygen(randomBytes(32));
  const publicKey = secret.toPublicKey().toBytes();
  const keystore = await create('correct horse', secret.toBytes(), publicKey, 'm/12381/3600/0/0/0', null, weak);
  return { publicKey: `0x${hex(publicKey)}`, keystore: JSON.stringify(keystore), password: 'correct horse' };
}

describe('EIP-2335 keystores', () => {
  it('vault K1: BLS runs on blst-native', () => assertBlsNative());

  const vectors = join(ROOT, '../shared/data/vectors/deposit-cli/keystore_test_vectors');
  for (const name of ['test0.json', 'test1.json']) {
    const file = join(vectors, name);
    if (!existsSync(file)) {
      it.skip(`K2 published vector ${name}: not in ../shared/data/vectors`, () => undefined);
      continue;
    }
    it(`vault K2: published vector ${name}`, async () => {
      const secret = await decryptKeystore(parseKeystore(readFileSync(file, 'utf8')), '𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑');
      expect(hex(secret)).to.equal('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f');
    });
  }

  it('vault K3: what we encrypt opens with @chainsafe/bls-keystore, and the other way', async () => {
    const secret = bls.SecretKey.fromKeygen(randomBytes(32)).toBytes();
    const made = await encryptForMachine(secret, '');
    expect(made.password).to.match(/^[0-9a-f]{64}$/);
    expect(hex(await decrypt(made.keystore, made.password))).to.equal(hex(secret));
    const theirs = await given();
    expect((await decryptKeystore(parseKeystore(theirs.keystore), theirs.password)).length).to.equal(32);
  });

  it('vault K4: a wrong password, a foreign public key, a costly derivation and rubbish are refused', async () => {
    const { keystore, password } = await given();
    const refusal = (text: string, secret = password) =>
      (async () => decryptKeystore(parseKeystore(text), secret))().then(
        () => 'opened',
        (thrown: { code?: string }) => thrown.code,
      );
    expect(await refusal(keystore, 'wrong')).to.equal('WrongPassword');
    const foreign = {
      ...(JSON.parse(keystore) as IKeystore),
      pubkey: JSON.parse((await given()).keystore).pubkey as string,
    };
    expect(await refusal(JSON.stringify(foreign))).to.equal('KeystoreRefused');
    const costly = JSON.parse(keystore) as { crypto: { kdf: { params: { c: number } } } };
    costly.crypto.kdf.params.c = 2 ** 30;
    expect(await refusal(JSON.stringify(costly))).to.equal('KeystoreRefused');
    for (const text of ['', '{}', '[1]', `{"version":4}`, 'x'.repeat(20_000)]) {
      expect(await refusal(text), text.slice(0, 20)).to.equal('KeystoreRefused');
    }
  });
});

describe('vault', () => {
  let database: TestDatabase;
  before(async () => {
    database = await testDatabase();
  });
  after(() => database.drop());

  it('vault K5: keeps a key re-encrypted, its password sealed; exports what opens; imports once', async () => {
    const vault = createVault(database.dataSource, createDataKey(randomBytes(32)));
    const one = await given();
    expect(await vault.import([one, one])).to.deep.equal([
      { publicKey: one.publicKey, status: 'imported' },
      { publicKey: one.publicKey, status: 'duplicate' },
    ]);
    expect((await vault.import([one]))[0]?.status).to.equal('duplicate');
    const copy = await vault.export(one.publicKey);
    expect(copy?.password).to.match(/^[0-9a-f]{64}$/);
    const secret = await decrypt(JSON.parse(copy?.keystore ?? '') as IKeystore, copy?.password ?? '');
    expect(hex(bls.secretKeyToPublicKey(secret))).to.equal(one.publicKey.slice(2));
    expect(await vault.opens(one.publicKey)).to.equal(true);
    expect(await vault.opens(`0x${'ab'.repeat(48)}`)).to.equal(false);
    const [row] = await database.dataSource.query('SELECT * FROM keystore');
    expect(JSON.stringify(row)).not.to.contain(copy?.password ?? '');
  });

  it('vault K6: one bad keystore imports none and is named', async () => {
    const vault = createVault(database.dataSource, createDataKey(randomBytes(32)));
    const before = await vault.publicKeys();
    const refused = await vault
      .import([await given(), { ...(await given()), password: 'wrong' }])
      .catch((thrown) => thrown);
    expect(refused).to.deep.include({ code: 'WrongPassword' });
    expect(refused.facts).to.deep.equal({ index: 1 });
    expect(await vault.publicKeys()).to.deep.equal(before);
  });

  it('vault K7: imports a folder of keystores with their password files, and again nothing', async () => {
    const vault = createVault(database.dataSource, createDataKey(randomBytes(32)));
    const folder = await mkdtemp(join(tmpdir(), 'ovsb-vault-'));
    try {
      for (let count = 0; count < 3; count += 1) {
        const { publicKey, keystore, password } = await given();
        await writeFile(join(folder, `keystore-${publicKey}.json`), keystore);
        await writeFile(join(folder, `keystore-${publicKey}.txt`), `${password}\n`);
      }
      expect(await vault.importFolder(folder)).to.equal(3);
      expect(await vault.importFolder(folder)).to.equal(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('slashing protection tables', () => {
  let database: TestDatabase;
  before(async () => {
    database = await testDatabase();
  });
  after(() => database.drop());

  it('A15 the ledger never goes down, is never deleted or emptied; evidence is append-only', async () => {
    const { dataSource } = database;
    await dataSource.query(
      `INSERT INTO protection_ledger (public_key, source_epoch, target_epoch, slot) VALUES ('0x1', 4, 5, 40)`,
    );
    await dataSource.query(`INSERT INTO evidence (public_key, kind, detail) VALUES ('0x1', 'list', '{}')`);
    for (const statement of [
      'UPDATE protection_ledger SET target_epoch = 4',
      'UPDATE protection_ledger SET source_epoch = NULL',
      'DELETE FROM protection_ledger',
      'TRUNCATE protection_ledger',
      `UPDATE evidence SET kind = 'x'`,
      'DELETE FROM evidence',
      'TRUNCATE evidence',
      'TRUNCATE signed_block',
      'TRUNCATE signed_attestation',
    ]) {
      const refused = await dataSource.query(statement).then(
        () => false,
        () => true,
      );
      expect(refused, statement).to.equal(true);
    }
    await dataSource.query('UPDATE protection_ledger SET target_epoch = 6');
  });
});
