import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { encrypt } from '@metamask/eth-sig-util';

const probe = generateKeyPairSync('x25519').privateKey;

/**
 * Whether the text is a base64 x25519 public key of 32 bytes that is not of low order (security.md B8): with such a key
 * the shared secret would be known to everybody.
 */
export function isEncryptionKey(base64: string): boolean {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== base64) return false;
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: bytes.toString('base64url') }, format: 'jwk' });
    return diffieHellman({ privateKey: probe, publicKey: key }).some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

/** product.md, Binding credentials: readable by `eth_decrypt` of the key's holder. */
export function encryptedCredentials(credentials: object, encryptionPublicKey: string) {
  const { version, nonce, ephemPublicKey, ciphertext } = encrypt({
    publicKey: encryptionPublicKey,
    data: JSON.stringify(credentials),
    version: 'x25519-xsalsa20-poly1305',
  });
  return { encrypted: { version, nonce, ephemPublicKey, ciphertext } };
}
