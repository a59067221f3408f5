import 'reflect-metadata';
import { DataSource, type MigrationInterface } from 'typeorm';

/** Every table's entity, by name: what is not here does not exist. */
export const entities: (new () => object)[] = [];

/** In the order they run; one file per change, never edited once released. */
export const migrations: (new () => MigrationInterface)[] = [];

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

/** A data source that is not yet connected. The schema comes from migrations alone; `synchronize` is never used. */
export function createDataSource(connection: DatabaseConnection): DataSource {
  return new DataSource({
    type: 'postgres',
    ...connection,
    entities,
    migrations,
    synchronize: false,
    installExtensions: false,
    migrationsTransactionMode: 'each',
  });
}
