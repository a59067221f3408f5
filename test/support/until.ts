import { setTimeout as sleep } from 'node:timers/promises';

/** Asks `look` until it answers something; @throws Error naming `what` after the time limit. */
export async function until<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(300);
  }
}
