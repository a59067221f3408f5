import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.js';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.js';

export interface DataDirectoryLock {
  release(): void;
}

/** Another broker works on the directory. The message is one line for people. */
export class DataDirectoryInUse extends Error {}

const BEAT_MS = 1_000;
/** A holder we cannot look up must show a beat within this time. */
const BEAT_PATIENCE_MS = 6_000;
const LONG_DEAD_MS = 30_000;

/**
 * At most one broker per data directory. The lock is the highest-numbered file in `<dataDir>/lock`; a dead holder's is
 * superseded by creating the next number, which the file system gives to one of several starters only.
 * The holder is known by process id, start time, boot and namespace; from elsewhere (another container on the same
 * volume), by its beat.
 * @param onLost the lock's file was taken away; the caller must stop, it is not alone any more.
 * @throws DataDirectoryInUse within 10 s.
 */
export async function lockDataDirectory(
  dataDir: string,
  onLost: (reason: string) => void = () => undefined,
): Promise<DataDirectoryLock> {
  const folder = join(dataDir, 'lock');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (;;) {
    const highest = highestNumber(folder);
    if (highest > 0) {
      const holder = await liveHolder(join(folder, String(highest)));
      if (holder)
        throw new DataDirectoryInUse(
          `${dataDir} is in use by another ovsb (process ${holder.pid}); stop that one first, or set OVSB_DATA_DIR to another directory`,
        );
    }
    const mine = claim(folder, highest + 1);
    if (mine) return hold(folder, mine, onLost);
  }
}

function highestNumber(folder: string): number {
  return Math.max(
    0,
    ...readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  );
}

/** Whole or not at all; undefined when another starter was first. */
function claim(folder: string, number: number): string | undefined {
  const making = join(folder, `new-${randomBytes(6).toString('hex')}`);
  writeFileSync(making, JSON.stringify(ownIdentity()), { mode: 0o600 });
  try {
    linkSync(making, join(folder, String(number)));
  } catch (taken) {
    if ((taken as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw taken;
  } finally {
    rmSync(making);
  }
  if (highestNumber(folder) === number) return join(folder, String(number));
  rmSync(join(folder, String(number)));
  return undefined;
}

function hold(folder: string, mine: string, onLost: (reason: string) => void): DataDirectoryLock {
  for (const name of readdirSync(folder)) {
    if (/^\d+$/.test(name) && Number(name) < Number(mine.slice(folder.length + 1))) rmSync(join(folder, name));
  }
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(mine, now, now);
    } catch (gone) {
      clearInterval(beat);
      onLost(reasonOf(gone));
    }
  }, BEAT_MS);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      rmSync(mine, { force: true });
    },
  };
}

async function liveHolder(file: string): Promise<ProcessIdentity | undefined> {
  const found = readHolder(file);
  if (!found) return undefined;
  const running = isRunning(found.holder);
  if (running !== undefined) return running ? found.holder : undefined;
  if (Date.now() - found.beatMs > LONG_DEAD_MS) return undefined;
  for (const deadline = Date.now() + BEAT_PATIENCE_MS; Date.now() < deadline; await sleep(200)) {
    if (readHolder(file)?.beatMs !== found.beatMs) return readHolder(file)?.holder;
  }
  return undefined;
}

function readHolder(file: string): { holder: ProcessIdentity; beatMs: number } | undefined {
  try {
    return { holder: JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity, beatMs: statSync(file).mtimeMs };
  } catch (gone) {
    if ((gone as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw gone;
  }
}
