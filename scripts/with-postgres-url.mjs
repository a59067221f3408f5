// Runs a command with DATABASE_URL set to a PostgreSQL of its own on a loopback port:
// node scripts/with-postgres-url.mjs npm test
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';

await prepare();
const { startEmbeddedPostgres } = await import('../dist/src/database/embedded-postgres.js');
const { createLogger } = await import('../dist/src/logger.js');

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = server.address();
    server.close(() => resolve(free));
  });
});
const dataDir = mkdtempSync(join(tmpdir(), 'ovsb-url-'));
const postgres = await startEmbeddedPostgres({
  dataDir,
  logger: createLogger('warn'),
  settings: { listen_addresses: '127.0.0.1', port: String(port) },
});
const { username, password, database } = postgres.connection;
const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...process.env, DATABASE_URL: `postgres://${username}:${password}@127.0.0.1:${port}/${database}` },
});
child.once('exit', async (code) => {
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(code ?? 1);
});
