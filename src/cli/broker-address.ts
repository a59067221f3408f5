import { join } from 'node:path';
import { DomainError } from '../errors.js';
import { ROOT } from '../paths.js';

/**
 * Where the running broker answers: OVSB_PUBLIC_URL, else loopback at OVSB_PORT (8080). No trailing slash.
 * @throws DomainError `BadAddress` naming the variable.
 */
export function cliBaseUrl(): string {
  const { OVSB_PUBLIC_URL, OVSB_PORT } = process.env;
  const url = OVSB_PUBLIC_URL || `http://127.0.0.1:${OVSB_PORT || '8080'}`;
  if (!URL.canParse(url)) {
    throw new DomainError('BadAddress', `${OVSB_PUBLIC_URL ? 'OVSB_PUBLIC_URL' : 'OVSB_PORT'} is wrong: ${url}`);
  }
  return url.replace(/\/+$/, '');
}

/** The broker's data directory, where credentials.json lies: OVSB_DATA_DIR, else `data` in the checkout. */
export function cliDataDir(): string {
  return process.env.OVSB_DATA_DIR || join(ROOT, 'data');
}
