import { randomUUID } from 'node:crypto';
import { appendFileSync, copyFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Answer, fetchJson, umaChallenge } from '../../src/cli/uma-client.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { ROOT } from '../../src/paths.js';
import { BrokerProcess, freePort } from '../support/broker-process.js';
import { temporaryFolder } from '../support/database.js';
import { operatorBasic, operatorToken, platformCall } from '../support/operator.js';
import { quietLogger } from '../support/quiet-logger.js';
import { until } from '../support/until.js';

/** It takes far less than a second; a machine under load is given more, and no test asserts a time. */
const REACHES_WITHIN_MS = 10_000;

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
    for (const copy of ['first', 'second']) cpSync(join(ROOT, 'policies'), join(dataDir, copy), { recursive: true });
    first = await BrokerProcess.create({ DATABASE_URL, OVSB_POLICIES: join(dataDir, 'first') });
    await first.start();
    // One product: the same public name, credentials and data key.
    second = await BrokerProcess.create({
      DATABASE_URL,
      OVSB_PUBLIC_URL: first.baseUrl,
      OVSB_POLICIES: join(dataDir, 'second'),
    });
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

  /** An RPT of the first's authorization server for what the 401 asks. */
  async function rptFor(refused: Answer): Promise<string> {
    const token = await operatorToken(first, umaChallenge(refused)?.ticket ?? '');
    expect(token.status, JSON.stringify(token.body)).to.equal(200);
    return String(token.body.access_token);
  }

  async function revokeAtFirst(token: string): Promise<void> {
    const { body } = await fetchJson(`${first.baseUrl}/authz/.well-known/uma2-configuration`);
    const revoked = await fetchJson(String(body.revocation_endpoint), {
      method: 'POST',
      headers: { authorization: operatorBasic(first) },
      body: new URLSearchParams({ token }),
    });
    expect(revoked.status).to.equal(200);
  }

  const diversity = (broker: BrokerProcess, credential?: string) =>
    fetchJson(`${broker.baseUrl}/fleet/diversity`, credential ? { headers: { authorization: credential } } : {});
  const bothRefuse = (what: string, ask: (broker: BrokerProcess) => Promise<Answer>) =>
    until(`both refuse ${what}`, REACHES_WITHIN_MS, async () => {
      const statuses = await Promise.all([ask(first), ask(second)]);
      return statuses.every(({ status }) => status === 401) || undefined;
    });

  it('V.4, B5: an RPT that one revokes is refused by both', async () => {
    const rpt = await rptFor(await diversity(first));
    const ask = (broker: BrokerProcess) => diversity(broker, `Bearer ${rpt}`);
    expect((await ask(second)).status).to.equal(200);
    await revokeAtFirst(rpt);
    await bothRefuse('the RPT', ask);
  });

  it('V.4, B5: an RPC call that both answered is refused by both once its RPT is revoked, and after an unbind', async () => {
    const broker = (method: string, path: string, body?: object) => platformCall(first, method, path, body);
    const { body: catalog } = await broker('GET', '/v2/catalog');
    const services = catalog.services as { id: string; name: string; plans: { id: string; name: string }[] }[];
    const service = services.find(({ name }) => name === 'rpc-ethereum');
    const plan = service?.plans.find(({ name }) => name === 'read');
    const ids = { service_id: service?.id ?? '', plan_id: plan?.id ?? '' };
    const instance = `/v2/service_instances/${randomUUID()}`;
    const bindingId = randomUUID();
    const binding = `${instance}/service_bindings/${bindingId}`;
    const made = await broker('PUT', instance, { ...ids, organization_guid: 'o', space_guid: 's' });
    expect(made.status, JSON.stringify(made.body)).to.equal(201);
    const bound = await broker('PUT', binding, ids);
    const { bearer_token } = bound.body.credentials as { bearer_token: string };

    const rpc = (at: BrokerProcess, credential?: string) =>
      fetchJson(`${at.baseUrl}/rpc/${bindingId}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(credential && { authorization: credential }) },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber' }),
      });
    const challenged = await rpc(second);
    expect(challenged.status).to.equal(401);
    const rpt = await rptFor(challenged);
    const byRpt = (at: BrokerProcess) => rpc(at, `Bearer ${rpt}`);
    const byBearer = (at: BrokerProcess) => rpc(at, `Bearer ${bearer_token}`);
    for (const at of [first, second]) {
      for (const ask of [byRpt, byBearer]) expect((await ask(at)).body.result, at.baseUrl).to.match(/^0x[0-9a-f]+$/);
    }
    await revokeAtFirst(rpt);
    await bothRefuse('the RPT', byRpt);
    expect((await byBearer(second)).status).to.equal(200);
    expect((await broker('DELETE', `${binding}?${new URLSearchParams(ids)}`)).status).to.equal(200);
    await bothRefuse('what was unbound', byBearer);
  });

  it('C3: whose policies are not those in force is not ready and issues nothing, until it has them too', async () => {
    const ready = async (broker: BrokerProcess) => (await fetchJson(`${broker.baseUrl}/readyz`)).status;
    const edit = (copy: string) => appendFileSync(join(dataDir, copy, 'catalog.cedar'), '// edited\n');
    edit('first');
    await until('the second stands aside', REACHES_WITHIN_MS, async () => (await ready(second)) === 503 || undefined);
    expect(await ready(first)).to.equal(200);
    const token = await fetchJson(`${second.baseUrl}/authz/token`, {
      method: 'POST',
      headers: { authorization: operatorBasic(first) },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect([token.status, token.body.error]).to.deep.equal([503, 'temporarily_unavailable']);
    const refused = await diversity(second);
    expect([refused.status, refused.headers.get('warning')?.slice(0, 3)]).to.deep.equal([403, '199']);
    edit('second');
    await until('the second is ready again', REACHES_WITHIN_MS, async () => (await ready(second)) === 200 || undefined);
    expect((await diversity(second)).status).to.equal(401);
  });
});
