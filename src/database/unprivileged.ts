import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** The account PostgreSQL runs as; undefined: our own, because we are not root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/**
 * PostgreSQL refuses to run as root and needs an entry in the password file. `postgres` when there is one, else `nobody`.
 * @throws Error when root and neither account exists.
 */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const entry = entries.find(([name]) => name === wanted);
    if (entry) return { name: wanted, uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(
    'PostgreSQL cannot run as root and there is no account "postgres" or "nobody"; add one or set DATABASE_URL',
  );
}

/** `nobody` may be shared with other services, except in a container of our own. */
export function isShared(account: Account): boolean {
  return account.name === 'nobody' && !existsSync('/.dockerenv') && !existsSync('/run/.containerenv');
}

/** Spawn options that become the account; none for our own. */
export function as(account: Account | undefined): { uid?: number; gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {};
}

/** Whether the account reaches the folder: under /root, for instance, it does not. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  if (!account) return true;
  const visit = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...as(account), cwd: '/', stdio: 'ignore' });
  return visit.status === 0;
}
