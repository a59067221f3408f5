import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `<data_dir>/credentials.json` (product.md). Mode 0600, never printed, never logged. */
export interface Credentials {
  readonly issuer: string;
  /** The operator's OAuth client: needs no claims, may take scope `uma_protection`. */
  readonly operator: { readonly client_id: string; readonly client_secret: string };
  /** The OSB account, for basic authentication. */
  readonly platform: { readonly username: string; readonly password: string };
  /** An ordinary confidential client, whose parties prove themselves. */
  readonly client: { readonly client_id: string; readonly client_secret: string };
}

/** Written whole at the first start; the issuer follows the configuration afterwards. Secrets: 256 random bits. */
export function loadCredentials(dataDir: string, issuer: string): Credentials {
  const file = join(dataDir, 'credentials.json');
  if (!existsSync(file)) writeOnce(file, newCredentials(issuer));
  const found = readCredentials(file);
  if (found.issuer === issuer) return found;
  const moved = { ...found, issuer };
  writeFileSync(`${file}.new`, text(moved), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return moved;
}

/** @throws Error when it is absent or not readable for us. */
export function readCredentials(file: string): Credentials {
  return JSON.parse(readFileSync(file, 'utf8')) as Credentials;
}

function newCredentials(issuer: string): Credentials {
  const secret = () => randomBytes(32).toString('base64url');
  return {
    issuer,
    operator: { client_id: 'ovsb-operator', client_secret: secret() },
    platform: { username: 'platform', password: secret() },
    client: { client_id: 'ovsb-client', client_secret: secret() },
  };
}

function text(credentials: Credentials): string {
  return `${JSON.stringify(credentials, null, 2)}\n`;
}

/** Never half a file; the first of two writers wins. */
function writeOnce(file: string, credentials: Credentials): void {
  const making = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(making, text(credentials), { mode: 0o600, flag: 'wx' });
  try {
    linkSync(making, file);
  } catch (taken) {
    if ((taken as NodeJS.ErrnoException).code !== 'EEXIST') throw taken;
  } finally {
    rmSync(making);
  }
}
