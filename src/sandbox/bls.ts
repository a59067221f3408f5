/** BLS12-381 by blst's native addon; importing this fails where the addon is missing, so wasm is never used unseen. */
import bls from '@chainsafe/bls/blst-native';

export const SecretKey = bls.SecretKey;
export type BlsSecretKey = ReturnType<typeof bls.SecretKey.fromBytes>;
type BlsPublicKey = ReturnType<typeof bls.PublicKey.fromBytes>;

const parsed = new Map<string, BlsPublicKey>();

/** Validated once, then kept: a public key's subgroup check costs as much as a verification. */
function publicKeyOf(hex: string): BlsPublicKey {
  let key = parsed.get(hex);
  if (!key) {
    key = bls.PublicKey.fromBytes(Buffer.from(hex.slice(2), 'hex'), undefined, true);
    if (parsed.size > 10_000) parsed.clear();
    parsed.set(hex, key);
  }
  return key;
}

/** False for anything that is not a valid signature by that key; never throws. */
export function verifies(publicKey: string, message: Uint8Array, signature: string): boolean {
  if (!/^0x[0-9a-f]{192}$/i.test(signature)) return false;
  try {
    return bls.Signature.fromBytes(Buffer.from(signature.slice(2), 'hex')).verify(publicKeyOf(publicKey), message);
  } catch {
    return false;
  }
}

/** Lower-case 0x hex of a compressed public key. */
export function publicKeyHex(secret: BlsSecretKey): string {
  return hex(secret.toPublicKey().toBytes());
}

export function sign(secret: BlsSecretKey, message: Uint8Array): string {
  return hex(secret.sign(message).toBytes());
}

export function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}
