import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Larger than any process id: rewriting a reused one to it keeps PostgreSQL's own check of the shared memory. */
const NO_PROCESS = 2_147_483_646;

/**
 * Ends a PostgreSQL on this data directory that outlived its supervisor, and forgets a lock file whose process id has
 * since gone to somebody else. A process is signalled only when its command line names the data directory.
 */
export async function endOrphan(data: string): Promise<void> {
  const lock = join(data, 'postmaster.pid');
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 100) {
    const pid = lockHolder(lock);
    if (pid === undefined || !isAlive(pid)) return;
    if (!runsOn(pid, data)) return disown(lock);
    if (waitedMs % 5_000 === 0) process.kill(pid, waitedMs < 10_000 ? 'SIGINT' : 'SIGQUIT');
    await sleep(100);
  }
  throw new Error(`a PostgreSQL left over on ${data} does not end (process ${lockHolder(lock)})`);
}

/** The folder is ours alone and no server runs: sockets left in it are dead. */
export function clearSockets(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('.s.PGSQL.')) rmSync(join(folder, name), { force: true });
}

function lockHolder(lock: string): number | undefined {
  if (!existsSync(lock)) return undefined;
  const pid = Number.parseInt(readFileSync(lock, 'utf8'), 10);
  return pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (refused) {
    return (refused as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function runsOn(pid: number, data: string): boolean {
  const args = existsSync(`/proc/${pid}/cmdline`)
    ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    : spawnSync('ps', ['-ww', '-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout.split(' ');
  return (args[0] ?? '').endsWith('postgres') && (args.includes(data) || args.join(' ').includes(` ${data} `));
}

function disown(lock: string): void {
  const [, ...rest] = readFileSync(lock, 'utf8').split('\n');
  writeFileSync(lock, [NO_PROCESS, ...rest].join('\n'));
}
