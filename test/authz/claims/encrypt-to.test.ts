import { randomBytes } from 'node:crypto';
import { decrypt, getEncryptionPublicKey } from '@metamask/eth-sig-util';
import { expect } from 'chai';
import { compactDecrypt, importJWK } from 'jose';
import { encryptTo, encryptToJwe, isEncryptionPublicKey } from '../../../src/encrypt-to.js';

const privateKey = randomBytes(32).toString('hex');
const publicKey = getEncryptionPublicKey(privateKey);
const secret = { uri: 'http://127.0.0.1/rpc/b', bearer_token: 'tøken' };

describe('encryption to a party’s x25519 key', () => {
  it('x25519-xsalsa20-poly1305: eth_decrypt reads it', () => {
    const encrypted = encryptTo(publicKey, secret);
    expect(encrypted).to.have.all.keys('version', 'nonce', 'ephemPublicKey', 'ciphertext');
    expect(JSON.parse(decrypt({ encryptedData: encrypted, privateKey }))).to.deep.equal(secret);
    expect(JSON.stringify(encrypted)).to.not.include('bearer_token');
  });

  it('JWE ECDH-ES: the same key reads it', async () => {
    const jwe = await encryptToJwe(publicKey, secret);
    const x = Buffer.from(publicKey, 'base64').toString('base64url');
    const d = Buffer.from(privateKey, 'hex').toString('base64url');
    const { plaintext } = await compactDecrypt(jwe, await importJWK({ kty: 'OKP', crv: 'X25519', x, d }, 'ECDH-ES'));
    expect(JSON.parse(Buffer.from(plaintext).toString())).to.deep.equal(secret);
  });

  it('the length tells nothing: a short value’s and a longer one’s are the same', async () => {
    const [short, longer] = [{}, { uri: 'ü'.repeat(900) }];
    expect(encryptTo(publicKey, short).ciphertext).to.have.length(encryptTo(publicKey, longer).ciphertext.length);
    const [one, other] = await Promise.all([encryptToJwe(publicKey, short), encryptToJwe(publicKey, longer)]);
    expect(one.length).to.equal(other.length);
    const beyond = { uri: 'x'.repeat(2048) };
    expect(encryptTo(publicKey, beyond).ciphertext.length).to.be.greaterThan(
      encryptTo(publicKey, short).ciphertext.length,
    );
  });

  it('B8: refuses low-order points, other lengths and other writings', () => {
    expect(isEncryptionPublicKey('nGU4tXKN+yi5HA1VNE321h/mpvn/34CMelLbl7Br3Hk=')).to.equal(true);
    const one = Buffer.alloc(32);
    one[0] = 1;
    const highBit = Buffer.alloc(32);
    highBit[31] = 0x80;
    for (const bytes of [Buffer.alloc(32), one, highBit, Buffer.alloc(31, 9), Buffer.alloc(33, 9)]) {
      expect(isEncryptionPublicKey(bytes.toString('base64'))).to.equal(false);
      expect(() => encryptTo(bytes.toString('base64'), {})).to.throw(RangeError);
    }
    expect(isEncryptionPublicKey(publicKey.replace(/=$/, ''))).to.equal(false);
    expect(isEncryptionPublicKey('not base64')).to.equal(false);
  });
});
