import { Client } from 'pg';
import { tryAdvisoryLock } from '../database/advisory-lock.js';
import type { DatabaseConnection } from '../database/connection.js';
import { clientConfig } from '../database/connection.js';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';

export interface Leader {
  /** While we lead: a signal that aborts when we no longer do. Undefined: another replica leads, or nobody yet. */
  term(): AbortSignal | undefined;
  /** Gives the leadership up. */
  close(): Promise<void>;
}

const BEAT_MS = 1_000;
const SILENCE_MS = 3_000;

/**
 * Stands for leadership for ever: a session advisory lock on a connection of its own. A leader that cannot prove within
 * 3 s that its session lives steps down; jobs are fenced by the database all the same, for a paused leader proves nothing.
 */
export async function standForLeader(connection: DatabaseConnection, name: string, logger: Logger): Promise<Leader> {
  let client: Client | undefined;
  let term: AbortController | undefined;
  let closed = false;

  const stepDown = (why: string): void => {
    if (!term) return;
    term.abort(new Error(why));
    term = undefined;
    logger.info({ lock: name, why }, 'no longer leader');
  };
  const drop = async (why: string): Promise<void> => {
    stepDown(why);
    const dropped = client;
    client = undefined;
    await dropped?.end().catch((refused) => logger.debug({ reason: reasonOf(refused) }, 'connection already gone'));
  };
  const connected = async (): Promise<Client> => {
    if (client) return client;
    const fresh = new Client({
      ...clientConfig(connection),
      query_timeout: SILENCE_MS,
      connectionTimeoutMillis: SILENCE_MS,
    });
    fresh.on('error', (lost) => void drop(lost.message));
    await fresh.connect();
    client = fresh;
    return fresh;
  };
  const beat = async (): Promise<void> => {
    try {
      const session = await connected();
      if (term) await session.query('SELECT 1');
      else if (await tryAdvisoryLock(session, name)) {
        term = new AbortController();
        logger.info({ lock: name }, 'leader');
      }
    } catch (failure) {
      await drop(reasonOf(failure));
    }
  };

  await beat();
  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (closed) return;
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, BEAT_MS);
  timer.unref();
  return {
    term: () => term?.signal,
    async close() {
      closed = true;
      clearInterval(timer);
      stepDown('closing');
      await beating;
      await drop('closing');
    },
  };
}
