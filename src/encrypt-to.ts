import { encrypt } from '@metamask/eth-sig-util';
import { CompactEncrypt, importJWK } from 'jose';

/** What `eth_getEncryptionPublicKey` promises: 32 bytes of x25519, base64. */
const KEY_BYTES = 32;
/** Plaintexts are filled up to multiples of this, so that a length tells nothing of what is inside. */
const STEP_BYTES = 2048;

/** x25519-xsalsa20-poly1305 as wallets read it with `eth_decrypt`; every field is base64. */
export interface EncryptedForWallet {
  readonly version: 'x25519-xsalsa20-poly1305';
  readonly nonce: string;
  readonly ephemPublicKey: string;
  readonly ciphertext: string;
}

/**
 * Points of small order make every shared secret the same known value (RFC 7748, section 6.1; the list is libsodium's):
 * u-coordinates, little endian, the top bit ignored as the function ignores it.
 */
const LOW_ORDER_POINTS = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** True for a canonical base64 x25519 public key of 32 bytes whose point is not of small order (security.md B8). */
export function isEncryptionPublicKey(base64: string): boolean {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== base64) return false;
  const point = Buffer.from(bytes);
  point[KEY_BYTES - 1] = (point[KEY_BYTES - 1] ?? 0) & 0x7f;
  return !LOW_ORDER_POINTS.has(point.toString('hex'));
}

/** Encrypts a JSON value to a wallet's key; what `eth_decrypt` returns is its text. Throws for a key that is none. */
export function encryptTo(publicKey: string, json: unknown): EncryptedForWallet {
  requireKey(publicKey);
  const version = 'x25519-xsalsa20-poly1305';
  const { nonce, ephemPublicKey, ciphertext } = encrypt({ publicKey, data: paddedJson(json), version });
  return { version, nonce, ephemPublicKey, ciphertext };
}

/** The alternative: a compact JWE, ECDH-ES over X25519 with A256GCM (RFC 7516, RFC 8037). */
export async function encryptToJwe(publicKey: string, json: unknown): Promise<string> {
  requireKey(publicKey);
  const key = await importJWK(
    { kty: 'OKP', crv: 'X25519', x: Buffer.from(publicKey, 'base64').toString('base64url') },
    'ECDH-ES',
  );
  return new CompactEncrypt(Buffer.from(paddedJson(json)))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'application/json' })
    .encrypt(key);
}

/** JSON may end in white space (RFC 8259, section 2): whoever parses it sees no padding. */
function paddedJson(json: unknown): string {
  const text = JSON.stringify(json);
  const bytes = Buffer.byteLength(text);
  return text + ' '.repeat(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES - bytes);
}

function requireKey(publicKey: string): void {
  if (!isEncryptionPublicKey(publicKey)) throw new RangeError('not an x25519 public key: base64 of 32 bytes');
}
