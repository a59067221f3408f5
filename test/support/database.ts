import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../ormconfig.js';
import type { DatabaseConnection } from '../../src/database/connection.js';
import { clientConfig, withDatabase } from '../../src/database/connection.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';

export interface TestDatabase {
  readonly dataSource: DataSource;
  readonly connection: DatabaseConnection;
  /** Disconnects and drops it. What a test does not drop itself goes after the last test. */
  drop(): Promise<void>;
}

/** The server of this mocha process: DATABASE_URL's, or an embedded one in a temporary folder. */
interface Server {
  readonly connection: DatabaseConnection;
  /** Migrated; copied for each test. */
  readonly template: string;
  stop(): Promise<void>;
}

let starting: Promise<Server> | undefined;
const open = new Set<TestDatabase>();

/** A fresh, migrated database of its own, connected. The server starts at the first call. */
export async function testDatabase(): Promise<TestDatabase> {
  starting ??= start();
  const server = await starting;
  const name = `ovsb_test_${randomBytes(6).toString('hex')}`;
  await administer(server.connection, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  const connection = withDatabase(server.connection, name);
  const dataSource = await createDataSource(connection).initialize();
  const database: TestDatabase = {
    dataSource,
    connection,
    async drop() {
      open.delete(database);
      if (dataSource.isInitialized) await dataSource.destroy();
      await administer(server.connection, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
  open.add(database);
  return database;
}

/** For the root hook: drops what is left and stops the server. */
export async function stopTestDatabases(): Promise<void> {
  if (!starting) return;
  const server = await starting;
  for (const database of open) await database.drop();
  await server.stop();
  starting = undefined;
}

async function start(): Promise<Server> {
  const { connection, stop } = process.env.DATABASE_URL
    ? { connection: { url: process.env.DATABASE_URL }, stop: async () => undefined }
    : await startTemporaryPostgres();
  const template = `ovsb_template_${randomBytes(6).toString('hex')}`;
  await administer(connection, `CREATE DATABASE ${template}`);
  const dataSource = await createDataSource(withDatabase(connection, template)).initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
  return {
    connection,
    template,
    async stop() {
      await administer(connection, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      await stop();
    },
  };
}

/** Durability is not what these tests look at; those that do start a server of their own. */
async function startTemporaryPostgres() {
  const dataDir = temporaryFolder('database');
  const server = await startEmbeddedPostgres({
    dataDir,
    logger: createLogger('error'),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
  const stop = async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { connection: server.connection as DatabaseConnection, stop };
}

/** A folder for one test's files, inside the checkout and not under version control. */
export function temporaryFolder(name: string): string {
  const parent = join(ROOT, 'data', 'test');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `${name}-`));
}

async function administer(connection: DatabaseConnection, sql: string): Promise<void> {
  const client = new Client(clientConfig(withDatabase(connection, 'postgres')));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
