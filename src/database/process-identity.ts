import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process id and what makes it this process and no later one. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly startedAt: string;
  /** Boot and process-id namespace: only within the same one can a process id be looked up. */
  readonly space: string;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid) ?? '', space: processSpace() };
}

/** Undefined: it lives in another space (container, host, boot), nobody here can tell. */
export function isRunning(identity: ProcessIdentity): boolean | undefined {
  if (identity.space !== processSpace()) return undefined;
  return startOf(identity.pid) === identity.startedAt;
}

function processSpace(): string {
  if (!existsSync('/proc/sys/kernel/random/boot_id')) return hostname();
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
}

function startOf(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) {
    const asked = spawnSync('ps', ['-p', String(pid), '-o', 'lstart='], { encoding: 'utf8' });
    return asked.status === 0 ? asked.stdout.trim() : undefined;
  }
  try {
    // The name in parentheses may hold anything; field 22 counts from after it. A zombie has ended.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  } catch {
    return undefined; // no such process
  }
}
