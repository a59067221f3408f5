import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createDataKey, type DataKey } from './data-key.js';

/**
 * Reads the 32-byte data key, 64 hex digits in a file (mode 0600).
 * @param create makes the file when it is absent: the sandbox only. Elsewhere the key never lies beside what it wraps, and
 * a lost key must not be replaced by a new one that opens nothing.
 */
export function loadDataKey(file: string, create: boolean): DataKey {
  if (create && !existsSync(file)) {
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  }
  const text = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error(`${file} does not hold a data key (64 hex digits)`);
  return createDataKey(Buffer.from(text, 'hex'));
}
