import { join } from 'node:path';
import { ROOT } from '../paths.js';

/** Where the running broker answers: OVSB_PUBLIC_URL, else loopback at OVSB_PORT (8080). No trailing slash. */
export function cliBaseUrl(): string {
  const url = process.env.OVSB_PUBLIC_URL ?? `http://127.0.0.1:${process.env.OVSB_PORT ?? '8080'}`;
  return url.replace(/\/+$/, '');
}

/** The broker's data directory, where credentials.json lies: OVSB_DATA_DIR, else `data` in the checkout. */
export function cliDataDir(): string {
  return process.env.OVSB_DATA_DIR ?? join(ROOT, 'data');
}
