import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/**
 * Encrypts what must be shown again (binding secrets, keystore passwords) with a key that never lies in the database.
 * AES-256-GCM, a fresh nonce each time; `purpose` and `id` are authenticated, so a row's secret cannot stand in another row.
 */
export interface DataKey {
  seal(plaintext: Uint8Array, purpose: string, id: string): Buffer;
  /** @throws Error when the bytes, the purpose or the id are not those sealed. */
  open(sealed: Uint8Array, purpose: string, id: string): Buffer;
  /** Keyed digest (HMAC-SHA-256) of a secret, for look-up by equality. */
  digest(secret: string, purpose: string): Buffer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param master 32 random bytes. */
export function createDataKey(master: Uint8Array): DataKey {
  if (master.length !== 32) throw new Error('the data key must be 32 bytes');
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', master, '', `ovsb:${use}`, 32));
  const sealing = derive('seal');
  const digesting = derive('digest');
  const bound = (purpose: string, id: string) => Buffer.from(JSON.stringify([purpose, id]));
  return {
    seal(plaintext, purpose, id) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(bound(purpose, id));
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, purpose, id) {
      const bytes = Buffer.from(sealed);
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, NONCE_BYTES))
        .setAAD(bound(purpose, id))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    },
    digest: (secret, purpose) => createHmac('sha256', digesting).update(`${purpose}\0${secret}`).digest(),
  };
}
