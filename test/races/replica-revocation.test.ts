import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fetchJson } from '../../src/cli/uma-client.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { BrokerProcess, freePort } from '../support/broker-process.js';
import { temporaryFolder } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';

const UMA_GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket';

describe('races: two broker processes on one PostgreSQL', function () {
  this.timeout(180_000);
  const dataDir = temporaryFolder('replicas');
  let postgres: EmbeddedPostgres;
  let first: BrokerProcess;
  let second: BrokerProcess;

  before(async () => {
    const port = await freePort();
    postgres = await startEmbeddedPostgres({
      dataDir,
      logger: quietLogger,
      settings: { listen_addresses: '127.0.0.1', port: String(port) },
    });
    const { username, password, database } = postgres.connection;
    const DATABASE_URL = `postgres://${username}:${password}@127.0.0.1:${port}/${database}`;
    first = await BrokerProcess.create({ DATABASE_URL });
    await first.start();
    // One product: the same public name, credentials and data key.
    second = await BrokerProcess.create({ DATABASE_URL, OVSB_PUBLIC_URL: first.baseUrl });
    for (const file of ['credentials.json', 'data-key']) {
      copyFileSync(join(first.dataDir, file), join(second.dataDir, file));
    }
    await second.start();
  });
  after(async () => {
    await Promise.all([first?.dispose(), second?.dispose()]);
    await postgres?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('V.4, B5: an RPT that one revokes is refused by the other within a second', async () => {
    const { client_id, client_secret } = first.credentials.operator;
    const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
    const refused = await fetchJson(`${first.baseUrl}/fleet/diversity`);
    const ticket = /ticket="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? '';
    const token = await fetchJson(`${first.baseUrl}/authz/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ grant_type: UMA_GRANT, ticket }),
    });
    expect(token.status, JSON.stringify(token.body)).to.equal(200);
    const rpt = String(token.body.access_token);
    const ask = (broker: BrokerProcess) =>
      fetchJson(`${broker.baseUrl}/fleet/diversity`, { headers: { authorization: `Bearer ${rpt}` } });
    expect((await ask(second)).status).to.equal(200);

    const { body } = await fetchJson(`${first.baseUrl}/authz/.well-known/uma2-configuration`);
    const revoked = await fetchJson(String(body.revocation_endpoint), {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ token: rpt }),
    });
    expect(revoked.status).to.equal(200);
    await sleep(1_000);
    expect((await ask(second)).status).to.equal(401);
    expect((await ask(first)).status).to.equal(401);
  });
});
