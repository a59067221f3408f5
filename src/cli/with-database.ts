import type { Config } from '../config.js';
import type { DatabaseConnection } from '../database/connection.js';
import { lockDataDirectory } from '../database/data-directory-lock.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { createLogger } from '../logger.js';

/** Works on the configured database; the embedded one is started for it, which needs the broker stopped. */
export async function withDatabase<T>(
  config: Config,
  work: (connection: DatabaseConnection) => Promise<T>,
): Promise<T> {
  if (config.databaseUrl) return work({ url: config.databaseUrl });
  const lock = await lockDataDirectory(config.dataDir);
  try {
    const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger: createLogger('warn') });
    try {
      return await work(server.connection);
    } finally {
      await server.stop();
    }
  } finally {
    lock.release();
  }
}
