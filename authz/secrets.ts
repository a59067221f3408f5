import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits, base64url: tickets, refresh tokens, PCTs, resource ids. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256, under which random secrets are kept and looked up. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, expectedDigest: Buffer): boolean {
  return timingSafeEqual(digestOf(given), expectedDigest);
}
