import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { DatabaseConnection } from './connection.js';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.js';
import { type PostgresFolder, postgresFolder } from './postgres-folder.js';
import { clearSockets, endOrphan } from './postgres-orphan.js';
import { type Account, as, isShared, unprivilegedAccount } from './unprivileged.js';

export interface EmbeddedPostgres {
  readonly connection: Extract<DatabaseConnection, { host: string }>;
  /** Resolves when PostgreSQL has written everything and is gone. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Absolute. The caller holds the lock on it: at most one start per data directory at a time. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** PostgreSQL's own settings, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

const ROLE = 'ovsb';
const DATABASE = 'ovsb';
const LONGEST_LOG_BYTES = 16 * 1024 * 1024;

/**
 * Runs PostgreSQL behind the end of a pipe that only this process holds. When the pipe closes, however we died,
 * it is interrupted and, if that takes longer than 0.7 s, told to quit (its log is replayed at the next start).
 * A line on the pipe announces an ordinary stop, which may take its time. Signals meant for us do not reach it.
 */
const WATCHDOG = `
trap '' TERM INT HUP
"$@" 3<&- &
postgres=$!
(
  if read -r reason <&3; then patience=8; else patience=0.7; fi
  kill -INT $postgres
  sleep $patience
  kill -QUIT $postgres
) 2>/dev/null >/dev/null &
watchdog=$!
exec 3<&-
wait $postgres
status=$?
kill -KILL $watchdog 2>/dev/null
exit $status
`;

/**
 * Starts the PostgreSQL that npm carries on `<dataDir>/postgres`, reachable only through a unix socket in a 0700 folder
 * and with a password even there. Survives kill -9 of anything; if PostgreSQL itself dies it is started again.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, logger } = options;
  const account = unprivilegedAccount();
  if (account && isShared(account)) {
    logger.warn('PostgreSQL runs as "nobody", which other services may share; add an account "postgres"');
  }
  const folder = postgresFolder(dataDir, account);
  const binaries = postgresBinaries(account, folder.base);
  const password = readOrMakePassword(join(dataDir, 'postgres.password'));
  initialise(folder, binaries, account, password);
  const connection = {
    host: folder.socket,
    port: Number(options.settings?.port ?? 5432),
    username: ROLE,
    password,
    database: DATABASE,
  };

  let stopping = false;
  let server = await launch(folder, binaries, account, connection, options.settings ?? {});
  const relaunch = async (): Promise<void> => {
    while (!stopping) {
      logger.error({ log: folder.log }, 'PostgreSQL ended by itself and is started again');
      try {
        server = await launch(folder, binaries, account, connection, options.settings ?? {});
        return watch();
      } catch (failure) {
        logger.error({ reason: reasonOf(failure) }, 'PostgreSQL did not start');
        await sleep(1_000, undefined, { ref: false });
      }
    }
  };
  const watch = (): void => {
    server.ended.then(() => (stopping ? undefined : relaunch())).catch((failure) => logger.error(reasonOf(failure)));
  };
  watch();
  return {
    connection,
    async stop() {
      stopping = true;
      await server.stop();
      clearSockets(folder.socket);
    },
  };
}

function readOrMakePassword(file: string): string {
  if (!existsSync(file)) {
    const making = `${file}.${randomBytes(4).toString('hex')}`;
    writeFileSync(making, randomBytes(24).toString('hex'), { mode: 0o600, flag: 'wx' });
    renameSync(making, file);
  }
  return readFileSync(file, 'utf8').trim();
}

/** Creates the cluster beside its place and renames it there: an interrupted first start leaves nothing half made. */
function initialise(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  account: Account | undefined,
  password: string,
) {
  const versionFile = join(folder.data, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const found = readFileSync(versionFile, 'utf8').trim();
    if (found === binaries.major) return;
    throw new Error(
      `the database in ${folder.data} was made by PostgreSQL ${found}, and this release brings ${binaries.major}: ` +
        'run "ovsb backup" with the release that made it and "ovsb restore" with this one',
    );
  }
  const making = join(folder.base, 'data.init');
  const secret = join(folder.base, 'password.init');
  rmSync(making, { recursive: true, force: true });
  rmSync(secret, { force: true });
  writeFileSync(secret, password, { mode: 0o600, flag: 'wx' });
  if (account) chownSync(secret, account.uid, account.gid);
  const initdb = spawnSync(
    binaries.initdb,
    ['-D', making, '-U', ROLE, '-A', 'scram-sha-256', `--pwfile=${secret}`, '--no-locale', '-E', 'UTF8'],
    { ...as(account), cwd: '/', env: cleanEnvironment(), encoding: 'utf8' },
  );
  rmSync(secret, { force: true });
  if (initdb.status !== 0) throw new Error(`initdb failed: ${initdb.stderr || reasonOf(initdb.error)}`);
  renameSync(making, folder.data);
}

interface Server {
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

async function launch(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  account: Account | undefined,
  connection: EmbeddedPostgres['connection'],
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    await endOrphan(folder.data);
    clearSockets(folder.socket);
    const logStart = beginLog(folder.log);
    const server = spawnServer(folder, binaries, account, settings);
    const failure = await ready(server, connection);
    if (failure === undefined) return server;
    await server.stop();
    const log = readFileSync(folder.log).subarray(logStart).toString();
    if (attempt === 20 || !/still in use|lock file/.test(log)) {
      throw new Error(`PostgreSQL did not start (${failure}); its log ${folder.log} ends:\n${log.slice(-2_000)}`);
    }
    await sleep(250);
  }
}

function spawnServer(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  account: Account | undefined,
  settings: Readonly<Record<string, string>>,
): Server {
  const options: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: folder.socket,
    unix_socket_permissions: '0700',
    password_encryption: 'scram-sha-256',
    max_connections: '200',
    ...settings,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(folder.log, 'a', 0o600);
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'ovsb-postgres', binaries.postgres, '-D', folder.data, ...flags], {
    ...as(account),
    cwd: '/',
    env: cleanEnvironment(),
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const pipe = shell.stdio[3] as Writable;
  pipe.on('error', () => pipe.destroy());
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
    shell.once('error', () => resolve());
  });
  letGo(shell, pipe);
  return {
    ended,
    async stop() {
      shell.ref();
      pipe.end('stop\n');
      await ended;
    },
  };
}

/** The server alone does not keep node running: whoever serves does. */
function letGo(shell: ChildProcess, pipe: Writable): void {
  shell.unref();
  (pipe as Writable & { unref?(): void }).unref?.();
}

/** Undefined when the server answers and our database exists; else why not. */
async function ready(server: Server, connection: EmbeddedPostgres['connection']): Promise<string | undefined> {
  let ended = false;
  void server.ended.then(() => {
    ended = true;
  });
  let last = 'no answer within 60 s';
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && !ended; await sleep(50)) {
    const client = new Client({ ...connection, user: ROLE, database: 'postgres', ssl: false });
    client.on('error', (lost) => {
      last = lost.message;
    });
    try {
      await client.connect();
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
      return undefined;
    } catch (refused) {
      last = reasonOf(refused);
      // 28P01: the password is not this cluster's, waiting does not help.
      if ((refused as { code?: string }).code === '28P01') return last;
    } finally {
      await client.end().catch((lost) => {
        last = reasonOf(lost);
      });
    }
  }
  return ended ? 'it ended' : last;
}

/** PostgreSQL's own PG* variables of the caller must not reach it. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Keeps one older log; answers where the new lines begin. */
function beginLog(file: string): number {
  const bytes = existsSync(file) ? statSync(file).size : 0;
  if (bytes < LONGEST_LOG_BYTES) return bytes;
  renameSync(file, `${file}.1`);
  return 0;
}
