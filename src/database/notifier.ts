import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { DatabaseConnection } from './connection.js';
import { clientConfig } from './connection.js';

/** A payload, or undefined: the connection was lost and is back, anything may have been missed. */
export type NotificationListener = (payload: string | undefined) => void;

/** LISTEN and NOTIFY on a connection of its own that comes back by itself. */
export interface Notifier {
  /**
   * With a manager it joins that transaction and is delivered at its commit, else at once. At most 7,999 bytes.
   * @throws Error when there is no connection just now.
   */
  publish(channel: string, payload: string, manager?: EntityManager): Promise<void>;
  /** Resolves when listening. Listeners must not throw. The answer unsubscribes. */
  subscribe(channel: string, listener: NotificationListener): Promise<() => void>;
  /** Milliseconds since 1970 of the last proof that the connection lives; 0 before the first. */
  lastAliveMs(): number;
  close(): Promise<void>;
}

const LONGEST_PAYLOAD_BYTES = 7_999;
const BEAT_MS = 1_000;
const SILENCE_MS = 3_000;

export async function createNotifier(connection: DatabaseConnection, logger: Logger): Promise<Notifier> {
  const listeners = new Map<string, Set<NotificationListener>>();
  let client: Client | undefined;
  let closed = false;
  let aliveMs = 0;

  const connect = async (): Promise<void> => {
    const fresh = new Client({
      ...clientConfig(connection),
      query_timeout: SILENCE_MS,
      connectionTimeoutMillis: 5_000,
    });
    fresh.on('notification', ({ channel, payload }) => tell(channel, payload ?? ''));
    fresh.on('error', (lost) => logger.warn({ reason: lost.message }, 'notification connection lost'));
    fresh.once('end', () => {
      if (client === fresh) {
        client = undefined;
        if (!closed) void reconnect();
      }
    });
    await fresh.connect();
    try {
      for (const channel of listeners.keys()) await fresh.query(`LISTEN ${quoted(channel)}`);
    } catch (failure) {
      await fresh.end();
      throw failure;
    }
    client = fresh;
    aliveMs = Date.now();
  };
  const reconnect = async (): Promise<void> => {
    while (!closed) {
      try {
        await connect();
        for (const channel of listeners.keys()) tell(channel, undefined);
        return;
      } catch (failure) {
        logger.warn({ reason: reasonOf(failure) }, 'notification connection not back yet');
        await sleep(500, undefined, { ref: false });
      }
    }
  };
  const tell = (channel: string, payload: string | undefined): void => {
    aliveMs = Date.now();
    for (const listener of listeners.get(channel) ?? []) listener(payload);
  };
  const beat = async (): Promise<void> => {
    const current = client;
    if (!current) return;
    try {
      await current.query('SELECT 1');
      aliveMs = Date.now();
    } catch (lost) {
      logger.warn({ reason: reasonOf(lost) }, 'notification connection does not answer');
      await current.end().catch((refused) => logger.debug({ reason: reasonOf(refused) }, 'already ended'));
    }
  };

  await connect();
  let beating = false;
  const heart = setInterval(() => {
    if (beating) return;
    beating = true;
    void beat().finally(() => {
      beating = false;
    });
  }, BEAT_MS);
  heart.unref();

  return {
    async publish(channel, payload, manager) {
      if (Buffer.byteLength(payload) > LONGEST_PAYLOAD_BYTES) throw new Error('notification payload is too long');
      const statement = 'SELECT pg_notify($1, $2)';
      if (manager) await manager.query(statement, [channel, payload]);
      else if (client) await client.query(statement, [channel, payload]);
      else throw new Error('the notification connection is down');
    },
    async subscribe(channel, listener) {
      const known = listeners.get(channel);
      if (known) known.add(listener);
      else {
        listeners.set(channel, new Set([listener]));
        await client?.query(`LISTEN ${quoted(channel)}`);
      }
      return () => listeners.get(channel)?.delete(listener);
    },
    lastAliveMs: () => aliveMs,
    async close() {
      closed = true;
      clearInterval(heart);
      await client?.end();
    },
  };
}

function quoted(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
