import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Client } from 'pg';
import { clientConfig } from '../../src/database/connection.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { temporaryFolder } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';

const WRITER = fileURLToPath(new URL('../support/row-writer.js', import.meta.url));
const ROUNDS = 4;

describe('the embedded PostgreSQL', function () {
  this.timeout(120_000);
  let dataDir: string;
  beforeEach(() => {
    dataDir = temporaryFolder('chaos');
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  /** A process that holds a server on the directory and prints each row it was told is committed. */
  async function writer(): Promise<{ process: ChildProcess; acknowledged: () => number; postgres: number }> {
    const child = spawn(process.execPath, [WRITER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const acknowledged = () => Number(text.trimEnd().split('\n').at(-1) ?? 0);
    for (let waited = 0; waited < 30_000 && !(acknowledged() > 0); waited += 20) await sleep(20);
    const postgres = Number.parseInt(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8'), 10);
    return { process: child, acknowledged, postgres };
  }

  async function highestRow(): Promise<number> {
    const server = await startEmbeddedPostgres({ dataDir, logger: quietLogger });
    const client = new Client(clientConfig(server.connection));
    await client.connect();
    const { rows } = await client.query<{ highest: number }>('SELECT max(number) AS highest FROM row');
    await client.end();
    await server.stop();
    return rows[0]?.highest ?? 0;
  }

  it(`ends within a second of kill -9 of node, and keeps every acknowledged row, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { process: child, acknowledged, postgres } = await writer();
      await sleep(100 + 150 * round);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await sleep(1_200);
      expect(isAlive(postgres), 'PostgreSQL outlived node').to.equal(false);
      expect(await highestRow()).to.be.least(acknowledged());
    }
  });

  it('comes back by itself after kill -9 of PostgreSQL', async () => {
    const { process: child, acknowledged, postgres } = await writer();
    const before = acknowledged();
    process.kill(postgres, 'SIGKILL');
    for (let waited = 0; waited < 30_000 && acknowledged() < before + 50; waited += 50) await sleep(50);
    expect(acknowledged()).to.be.least(before + 50);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await highestRow()).to.be.least(acknowledged());
  });

  it('does not take a reused process id in a left-over lock file for a running server', async () => {
    await startEmbeddedPostgres({ dataDir, logger: quietLogger }).then((server) => server.stop());
    writeFileSync(join(dataDir, 'postgres/data/postmaster.pid'), `${process.pid}\n${join(dataDir, 'postgres/data')}\n`);
    await startEmbeddedPostgres({ dataDir, logger: quietLogger }).then((server) => server.stop());
    expect(isAlive(process.pid)).to.equal(true);
  });

  it('C5: socket only, folders 0700, secret 0600, no way in without the password', async () => {
    const server = await startEmbeddedPostgres({ dataDir, logger: quietLogger });
    expect(server.connection.host).to.match(/^\//);
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).to.equal(0o700);
    expect(statSync(join(dataDir, 'postgres.password')).mode & 0o777).to.equal(0o600);
    const socket = lstatSync(join(server.connection.host, '.s.PGSQL.5432'));
    expect(socket.isSocket() && socket.mode & 0o777).to.equal(0o700);
    const intruder = new Client({ ...clientConfig(server.connection), password: 'wrong' });
    const refused = await intruder.connect().catch((failure: { code: string }) => failure.code);
    expect(refused).to.equal('28P01');
    const client = new Client(clientConfig(server.connection));
    await client.connect();
    const { rows } = await client.query("SELECT current_setting('listen_addresses') AS addresses");
    expect(rows).to.deep.equal([{ addresses: '' }]);
    await client.end();
    await server.stop();
  });

  it('moves the socket where its path is short enough', async () => {
    const long = join(dataDir, 'a'.repeat(90));
    const server = await startEmbeddedPostgres({ dataDir: long, logger: quietLogger });
    expect(server.connection.host.startsWith(long)).to.equal(false);
    expect(statSync(server.connection.host).mode & 0o777).to.equal(0o700);
    await server.stop();
    rmSync(server.connection.host, { recursive: true });
  });

  it('says what to do when another PostgreSQL made the data directory', async () => {
    await startEmbeddedPostgres({ dataDir, logger: quietLogger }).then((server) => server.stop());
    writeFileSync(join(dataDir, 'postgres/data/PG_VERSION'), '13\n');
    const refused = await startEmbeddedPostgres({ dataDir, logger: quietLogger }).catch((failure: Error) => failure);
    expect(String(refused)).to.match(/made by PostgreSQL 13.*brings 17.*ovsb backup/);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
