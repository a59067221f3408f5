import type { ClientConfig } from 'pg';

/** Where PostgreSQL is: a URL, or the embedded server's socket folder. */
export type DatabaseConnection =
  | { readonly url: string }
  | {
      readonly host: string;
      readonly port?: number;
      readonly username: string;
      readonly password: string;
      readonly database: string;
    };

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
