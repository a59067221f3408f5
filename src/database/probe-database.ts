import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { releaseAdvisoryLock, tryAdvisoryLock } from './advisory-lock.js';
import type { DatabaseConnection } from './connection.js';
import { clientConfig } from './connection.js';

const NOTIFY_PATIENCE_MS = 5_000;
const OLDEST_VERSION = 140_000;

/**
 * C7: transaction poolers and some databases that only resemble PostgreSQL neither hold session locks nor deliver
 * notifications; the broker's safety stands on both.
 * @throws Error that says which of them fails.
 */
export async function probeDatabase(connection: DatabaseConnection): Promise<void> {
  const [first, second] = [new Client(clientConfig(connection)), new Client(clientConfig(connection))];
  try {
    await Promise.all([first.connect(), second.connect()]);
    const { rows } = await first.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int AS version",
    );
    if ((rows[0]?.version ?? 0) < OLDEST_VERSION) throw new Error('the database must be PostgreSQL 14 or newer');
    await probeLock(first, second);
    await probeNotify(first, second);
  } finally {
    await Promise.allSettled([first.end(), second.end()]);
  }
}

async function probeLock(first: Client, second: Client): Promise<void> {
  const name = `ovsb:probe:${randomBytes(8).toString('hex')}`;
  const refuse = (what: string) =>
    new Error(`the database ${what}: a session lock must exclude other connections (no transaction pooler in between)`);
  if (!(await tryAdvisoryLock(first, name))) throw refuse('does not give out advisory locks');
  if (await tryAdvisoryLock(second, name)) throw refuse('gave one advisory lock to two connections');
  await releaseAdvisoryLock(first, name);
  if (!(await tryAdvisoryLock(second, name))) throw refuse('does not take an advisory lock back');
  await releaseAdvisoryLock(second, name);
}

async function probeNotify(listener: Client, sender: Client): Promise<void> {
  const channel = `ovsb_probe_${randomBytes(8).toString('hex')}`;
  const arrived = new Promise<boolean>((resolve) => {
    listener.on('notification', (notification) => resolve(notification.channel === channel));
  });
  await listener.query(`LISTEN ${channel}`);
  await sender.query(`NOTIFY ${channel}`);
  const timer = new AbortController();
  const late = sleep(NOTIFY_PATIENCE_MS, false, { signal: timer.signal }).catch(() => false);
  const heard = await Promise.race([arrived, late]);
  timer.abort();
  if (!heard)
    throw new Error(
      'the database does not deliver NOTIFY to a listening connection (no transaction pooler in between)',
    );
}
