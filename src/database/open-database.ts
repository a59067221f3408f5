import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../ormconfig.js';
import type { Logger } from '../logger.js';
import { withAdvisoryLock } from './advisory-lock.js';
import type { DatabaseConnection } from './connection.js';
import { clientConfig } from './connection.js';
import { probeDatabase } from './probe-database.js';

/** One at a time across all replicas. */
const MIGRATION_LOCK = 'ovsb:migrate';

/**
 * Connects, refuses a database that cannot carry the broker (C7), and runs what migrations are missing.
 * Several replicas may do this at once.
 */
export async function openDatabase(connection: DatabaseConnection, logger: Logger): Promise<DataSource> {
  await probeDatabase(connection);
  const dataSource = await createDataSource(connection).initialize();
  try {
    const names = await migrate(connection, dataSource);
    if (names.length > 0) logger.info({ migrations: names }, 'migrations run');
    return dataSource;
  } catch (failure) {
    await dataSource.destroy();
    throw failure;
  }
}

/** Runs the missing migrations under a lock and answers their names. */
export async function migrate(connection: DatabaseConnection, dataSource: DataSource): Promise<string[]> {
  const client = new Client(clientConfig(connection));
  await client.connect();
  try {
    return await withAdvisoryLock(client, MIGRATION_LOCK, async () => {
      const run = await dataSource.runMigrations();
      return run.map(({ name }) => name);
    });
  } finally {
    await client.end();
  }
}
