import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, canEnter } from './unprivileged.js';

/** Where the embedded PostgreSQL keeps what is its own. */
export interface PostgresFolder {
  /** Mode 0700, owned by PostgreSQL's account; all others lie in it, the socket folder save when the path is long. */
  readonly base: string;
  readonly data: string;
  readonly socket: string;
  readonly log: string;
}

const SOCKET_NAME = '.s.PGSQL.5432';
/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, the last one a zero. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/** Makes the folders under the data directory, or outside it when PostgreSQL's account cannot get there. */
export function postgresFolder(dataDir: string, account: Account | undefined): PostgresFolder {
  const base = reachableBase(dataDir, account);
  const socket = join(base, 'socket');
  const fits = Buffer.byteLength(join(socket, SOCKET_NAME)) < LONGEST_SOCKET_PATH;
  return {
    base,
    data: join(base, 'data'),
    socket: owned(fits ? socket : shortFolder(base), account),
    log: join(base, 'log'),
  };
}

function reachableBase(dataDir: string, account: Account | undefined): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (!account) return owned(join(dataDir, 'postgres'), account);
  const outside = join(dataDir, 'postgres.location');
  if (existsSync(outside)) return owned(readFileSync(outside, 'utf8').trim(), account);
  // Only passing through is allowed: every file in the data directory has its own mode.
  chmodSync(dataDir, statSync(dataDir).mode | 0o011);
  if (canEnter(account, dataDir)) return owned(join(dataDir, 'postgres'), account);
  const base = join('/var/lib/ovsb', randomBytes(8).toString('hex'));
  mkdirSync('/var/lib/ovsb', { recursive: true, mode: 0o755 });
  writeFileSync(outside, `${base}\n`, { mode: 0o600 });
  return owned(base, account);
}

/** A folder of mode 0700 that belongs to PostgreSQL's account. Refuses one that is somebody else's. */
function owned(folder: string, account: Account | undefined): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const uid = account?.uid ?? process.getuid?.();
  const found = lstatSync(folder);
  if (!found.isDirectory() || (found.uid !== uid && found.uid !== process.getuid?.())) {
    throw new Error(`${folder} belongs to somebody else`);
  }
  if (account && found.uid !== account.uid) chownSync(folder, account.uid, account.gid);
  chmodSync(folder, 0o700);
  return folder;
}

/** The same short place at every start, so that a crash leaves at most one. */
function shortFolder(base: string): string {
  const name = `ovsb-${createHash('sha256').update(base).digest('hex').slice(0, 16)}`;
  return join(process.getuid?.() === 0 && existsSync('/run') ? '/run' : tmpdir(), name);
}
