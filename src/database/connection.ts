import type { ClientConfig } from 'pg';
import type { DatabaseConnection } from '../../ormconfig.js';

/** The same place for a bare `pg` client, for what TypeORM's pool cannot hold: session locks, LISTEN. */
export function clientConfig(connection: DatabaseConnection): ClientConfig {
  if ('url' in connection) return { connectionString: connection.url, keepAlive: true };
  const { username, ...place } = connection;
  return { ...place, user: username };
}

/** The same server, another database. */
export function withDatabase(connection: DatabaseConnection, database: string): DatabaseConnection {
  if (!('url' in connection)) return { ...connection, database };
  const url = new URL(connection.url);
  url.pathname = `/${database}`;
  return { url: url.href };
}
