import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import bls from '@chainsafe/bls';
import { type IKeystore, isValidKeystore } from '@chainsafe/bls-keystore';
import { DomainError } from '../../errors.js';
import { deriveKey } from './derive-key.js';

const MAX_KEYSTORE_CHARACTERS = 16_384;
/** EIP-2335's recommended count for pbkdf2. */
const PBKDF2_ROUNDS = 262_144;

/**
 * Reads EIP-2335 JSON.
 * @throws DomainError `KeystoreRefused` when it is not a version 4 keystore with a public key.
 */
export function parseKeystore(text: string): IKeystore & { readonly pubkey: string } {
  if (text.length > MAX_KEYSTORE_CHARACTERS) throw new DomainError('KeystoreRefused', 'the keystore is too large');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new DomainError('KeystoreRefused', 'the keystore is not JSON');
  }
  if (!isValidKeystore(document)) throw new DomainError('KeystoreRefused', 'not an EIP-2335 version 4 keystore');
  if (!/^(0x)?[0-9a-fA-F]{96}$/.test(document.pubkey)) {
    throw new DomainError('KeystoreRefused', 'the keystore names no public key');
  }
  return document;
}

/** The keystore's public key: lower-case 0x, 48 bytes. */
export function publicKeyOf(keystore: IKeystore): string {
  return `0x${keystore.pubkey.replace(/^0x/, '').toLowerCase()}`;
}

/** EIP-2335, "Password requirements": NFKD, control codes C0, C1 and Delete removed, UTF-8. */
function passwordBytes(password: string): Buffer {
  const kept = [...password.normalize('NFKD')].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0x1f && (code < 0x7f || code > 0x9f);
  });
  return Buffer.from(kept.join(''), 'utf8');
}

/**
 * The 32-byte secret key; the caller fills it with zeros after use.
 * @throws DomainError `WrongPassword`; `KeystoreRefused` when the secret is not that public key's.
 */
export async function decryptKeystore(keystore: IKeystore, password: string): Promise<Buffer> {
  const derived = await deriveKey(passwordBytes(password), keystore.crypto.kdf);
  try {
    const message = Buffer.from(keystore.crypto.cipher.message, 'hex');
    const expected = Buffer.from(keystore.crypto.checksum.message, 'hex');
    const actual = checksum(derived, message);
    if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
      throw new DomainError('WrongPassword', 'the password does not open the keystore');
    }
    const iv = Buffer.from(keystore.crypto.cipher.params.iv, 'hex');
    const cipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
    const secret = Buffer.concat([cipher.update(message), cipher.final()]);
    if (publicKeyFor(secret) === publicKeyOf(keystore)) return secret;
    secret.fill(0);
    throw new DomainError('KeystoreRefused', 'the secret in the keystore is not that of its public key');
  } finally {
    derived.fill(0);
  }
}

/** Encrypts for a machine: pbkdf2 under a random 256-bit password (hex), which no dictionary reaches. */
export async function encryptForMachine(
  secret: Uint8Array,
  path: string,
): Promise<{ readonly keystore: IKeystore; readonly password: string }> {
  const password = randomBytes(32).toString('hex');
  const params = { dklen: 32, c: PBKDF2_ROUNDS, prf: 'hmac-sha256' as const, salt: randomBytes(32).toString('hex') };
  const kdf = { function: 'pbkdf2' as const, params, message: '' as const };
  const derived = await deriveKey(passwordBytes(password), kdf);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const message = Buffer.concat([cipher.update(secret), cipher.final()]);
  const sum = checksum(derived, message).toString('hex');
  derived.fill(0);
  return {
    password,
    keystore: {
      version: 4,
      uuid: randomUUID(),
      path,
      pubkey: publicKeyFor(secret).slice(2),
      crypto: {
        kdf,
        checksum: { function: 'sha256', params: {}, message: sum },
        cipher: { function: 'aes-128-ctr', params: { iv: iv.toString('hex') }, message: message.toString('hex') },
      },
    },
  };
}

function checksum(derived: Uint8Array, message: Uint8Array): Buffer {
  return createHash('sha256').update(derived.subarray(16, 32)).update(message).digest();
}

function publicKeyFor(secret: Uint8Array): string {
  try {
    return `0x${Buffer.from(bls.secretKeyToPublicKey(secret)).toString('hex')}`;
  } catch {
    throw new DomainError('KeystoreRefused', 'the keystore holds no BLS secret key');
  }
}
