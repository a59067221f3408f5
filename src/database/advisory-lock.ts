import { createHash } from 'node:crypto';
import type { Client } from 'pg';

/** A session lock's 64-bit key, from its name. */
function lockKey(name: string): string {
  return createHash('sha256').update(name).digest().readBigInt64BE(0).toString();
}

/** False when another session holds it. It ends with the session. */
export async function tryAdvisoryLock(client: Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [lockKey(name)]);
  return rows[0]?.held === true;
}

export async function releaseAdvisoryLock(client: Client, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_unlock($1)', [lockKey(name)]);
}

/** Waits for the lock, then works. */
export async function withAdvisoryLock<T>(client: Client, name: string, work: () => Promise<T>): Promise<T> {
  await client.query('SELECT pg_advisory_lock($1)', [lockKey(name)]);
  try {
    return await work();
  } finally {
    await releaseAdvisoryLock(client, name);
  }
}
