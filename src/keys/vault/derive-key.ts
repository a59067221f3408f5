import { pbkdf2, scrypt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { IKdfModule } from '@chainsafe/bls-keystore';
import { DomainError } from '../../errors.js';
import { limited } from './limited.js';

const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify<string | Uint8Array, Uint8Array, number, object, Buffer>(scrypt);

/** What EIP-2335 recommends is 2^18, 8, 1 (256 MiB) and 2^18 rounds; a keystore from outside may not ask for much more. */
const LIMITS = { scryptBytes: 300 * 1024 * 1024, scryptParallel: 4, pbkdf2Rounds: 4 * 1024 * 1024 };

/** A derivation fills a core, and with scrypt 256 MiB: one per core. */
const oneEach = limited(availableParallelism());

/**
 * The 32-byte decryption key of a keystore (EIP-2335, "Decryption key"), derived off the event loop.
 * @throws DomainError `KeystoreRefused` when its parameters ask for more than the limits.
 */
export function deriveKey(password: Uint8Array, kdf: IKdfModule): Promise<Buffer> {
  const salt = Buffer.from(kdf.params.salt, 'hex');
  if (kdf.params.dklen !== 32)
    throw new DomainError('KeystoreRefused', 'the keystore asks for a key that is not 32 bytes');
  if (kdf.function === 'pbkdf2') {
    const { c } = kdf.params;
    if (c > LIMITS.pbkdf2Rounds)
      throw new DomainError('KeystoreRefused', `the keystore asks for ${c} rounds of pbkdf2`);
    return oneEach(() => pbkdf2Async(password, salt, c, 32, 'sha256'));
  }
  const { n, r, p } = kdf.params;
  if (128 * n * r > LIMITS.scryptBytes || p > LIMITS.scryptParallel) {
    throw new DomainError('KeystoreRefused', 'the keystore asks for too much memory (scrypt)');
  }
  return oneEach(() => scryptAsync(password, salt, 32, { N: n, r, p, maxmem: LIMITS.scryptBytes + 1024 * 1024 }));
}
