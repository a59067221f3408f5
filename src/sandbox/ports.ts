import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writeDurably } from './files.js';

/** Below the ephemeral ranges of Linux and macOS, so that no outgoing connection takes a port of ours. */
const [FIRST, LAST] = [20_000, 31_999];
const WAIT_MS = 3_000;

/**
 * A loopback port per part, chosen at the first start and kept: other programs hold these URLs. One that is taken is
 * waited for (an orphan of a killed sandbox is about to go) and only then replaced.
 */
export async function keepPorts(folder: string, parts: readonly string[]): Promise<Record<string, number>> {
  const path = join(folder, 'ports.json');
  const kept = readJson<Record<string, number>>(path) ?? {};
  const deadline = Date.now() + WAIT_MS;
  const ports: Record<string, number> = {};
  const reusable = await Promise.all(
    parts.map(async (part) => {
      const port = kept[part];
      return port !== undefined && (await freeBefore(port, deadline)) ? port : undefined;
    }),
  );
  const used = new Set(reusable);
  for (const [place, part] of parts.entries()) {
    ports[part] = reusable[place] ?? (await choose(used));
    used.add(ports[part]);
  }
  writeDurably(path, JSON.stringify(ports, null, 2));
  return ports;
}

async function choose(used: ReadonlySet<number | undefined>): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    if (!used.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

async function freeBefore(port: number, deadline: number): Promise<boolean> {
  for (;;) {
    if (await isFree(port)) return true;
    if (Date.now() >= deadline) return false;
    await sleep(100);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
