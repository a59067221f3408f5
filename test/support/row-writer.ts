import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { clientConfig } from '../../src/database/connection.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { createLogger } from '../../src/logger.js';

// Holds a PostgreSQL on argv[2] and writes rows, one a transaction, printing each number once it is committed.
const server = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '', logger: createLogger('silent') });
const pool = new Pool(clientConfig(server.connection));
pool.on('error', () => undefined);
await pool.query('CREATE TABLE IF NOT EXISTS row (number int PRIMARY KEY)');
for (;;) {
  try {
    const { rows } = await pool.query<{ number: number }>(
      'INSERT INTO row SELECT coalesce(max(number), 0) + 1 FROM row RETURNING number',
    );
    process.stdout.write(`${rows[0]?.number}\n`);
  } catch {
    await sleep(50); // the server is being started again
  }
}
