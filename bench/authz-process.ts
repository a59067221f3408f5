/**
 * One part of `bench/authz` in a process of its own, so that its CPU time is its own. argv[2]: `jwt` is oidc-provider with its own
 * client_credentials JWT; `authz` the authorization server on a PostgreSQL of its own, with 100 policies beside the shipped ones.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Koa from 'koa';
import Provider, { type Configuration } from 'oidc-provider';
import type { DataSource } from 'typeorm';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { EIP4361_FORMAT } from '../authz/claims/eip4361.js';
import { ticketHash, ticketNonce } from '../authz/claims/ticket-binding.js';
import { Grants } from '../authz/grants.js';
import {
  createAuthorizationServer,
  createClaimVerifier,
  createDecisionLog,
  createPolicyEngine,
} from '../authz/index.js';
import { Tickets } from '../authz/protection/tickets.js';
import { Rpts } from '../authz/rpt.js';
import { SigningKeys } from '../authz/signing-key.js';
import { systemClock } from '../src/clock.js';
import { createDataKey } from '../src/keys/data-key.js';
import { createLogger } from '../src/logger.js';
import { ROOT } from '../src/paths.js';
import { stopTestDatabases, testDatabase } from '../test/support/database.js';
import { policiesOf } from './policies.js';
import { replayable } from './replayed-database.js';

const CLIENT = { clientId: 'bench', clientSecret: 'bench-secret' };
const LIFETIMES = {
  ticket: 86_400,
  rpt: 86_400,
  refreshToken: 86_400,
  pct: 86_400,
  shortPct: 3600,
  pat: 86_400,
  approval: 1,
};
const CHAIN_ID = 31337;

type Commands = Record<string, (...given: never[]) => unknown>;

interface Part {
  readonly listener: RequestListener;
  readonly commands: Commands;
  close(): Promise<void>;
}

async function jwt(issuer: string): Promise<Part> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const resource = { scope: 'read', audience: issuer, accessTokenTTL: 900, accessTokenFormat: 'jwt' as const };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] } as NonNullable<
      Configuration['jwks']
    >,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        getResourceServerInfo: () => ({ ...resource, jwt: { sign: { alg: 'ES256' } } }),
      },
    },
  });
  return { listener: listenerOf(provider), commands: {}, close: async () => undefined };
}

async function authz(issuer: string): Promise<Part> {
  const { dataSource: real, connection } = await testDatabase();
  const database = replayable(real);
  const { dataSource } = database;
  /** Facts differ each time, so that no assessment was made before. */
  let novel = false;
  let asked = 2;
  const folder = mkdtempSync(join(tmpdir(), 'ovsb-bench-'));
  cpSync(join(ROOT, 'policies'), folder, { recursive: true });
  writeFileSync(join(folder, 'bench.cedar'), policiesOf(100));
  const policy = await createPolicyEngine({ folder, writableFiles: 'warn', logger: createLogger('silent') });
  const sealingKey = createDataKey(randomBytes(32));
  const claims = createClaimVerifier({ issuer, chainId: CHAIN_ID, idTokenIssuers: [] });
  const server = await createAuthorizationServer({
    dataSource,
    connection,
    issuer,
    chainId: CHAIN_ID,
    operator: CLIENT,
    client: { clientId: 'app', clientSecret: 'app-secret' },
    platforms: [],
    policy,
    claims,
    decisions: createDecisionLog(dataSource),
    facts: async () => ({ resource: { share_ppm: 50_000 }, party: { stake_keys: novel ? ++asked : 2 } }),
    sealingKey,
    clock: systemClock,
    logger: createLogger('error'),
    options: {
      requestSubmittedIntervalSeconds: 5,
      openRegistration: true,
      requestsPerSecond: 1e9,
      lifetimes: LIFETIMES,
    },
  });
  const plan = await server.protection.ensure({
    name: 'Nimbus with Geth',
    type: 'plan',
    key: 'validator-nimbus/geth',
    scopes: ['instance:create'],
    attributes: {},
  });
  const permissions = [{ resourceId: plan, scopes: ['instance:create'] }];
  const tickets = new Tickets(dataSource, systemClock, LIFETIMES.ticket);
  const wallet = privateKeyToAccount(`0x${'11'.repeat(32)}`);
  const mint = async (count: number) => {
    const made: string[] = [];
    while (made.length < count) made.push(await tickets.create({ owner: CLIENT.clientId, permissions }));
    return made;
  };
  const claimFor = async (ticket: string) => {
    const message = createSiweMessage({
      address: wallet.address,
      chainId: CHAIN_ID,
      domain: new URL(issuer).host,
      nonce: ticketNonce(ticket),
      uri: issuer,
      version: '1',
      resources: [`urn:ovsb:ticket:${ticketHash(ticket)}`],
      issuedAt: new Date(),
      expirationTime: new Date(Date.now() + 280_000),
    });
    const signature = await wallet.signMessage({ message });
    return Buffer.from(JSON.stringify({ message, signature })).toString('base64url');
  };

  async function parts(count: number): Promise<Record<string, number>> {
    const spent = await mint(count);
    const [ticket = ''] = await mint(1);
    const token = await claimFor(ticket);
    const keys = new SigningKeys(dataSource, sealingKey, systemClock);
    await keys.open();
    const rpts = new Rpts(dataSource, keys, systemClock, { issuer, operatorId: CLIENT.clientId, lifetimeSeconds: 900 });
    const grants = new Grants(dataSource, systemClock, LIFETIMES);
    const party = {
      principal: { party: 'client:bench', kind: 'operator' as const, attributes: {} },
      clientId: 'bench',
    };
    const question = { ...party, scope: 'instance:create', claims: {}, context: {}, nowSeconds: 1_763_700_000 };
    const resource = { type: 'plan', key: 'validator-nimbus/geth', attributes: { share_ppm: 50_000 } };
    const log = createDecisionLog(dataSource);
    const facts = { owner: CLIENT.clientId, clientId: 'bench', kind: 'operator' as const, gathered: { proofs: [] } };
    const granted = { ...facts, permissions, approved: [], policySet: policy.hash() };
    const nowhere = { query: async () => [] } as unknown as DataSource['manager'];
    const claim = { format: EIP4361_FORMAT, token, ticket, clientId: 'bench' };
    return {
      'ticket consume': await cpuOf(count, (index) => tickets.consume(spent[index] ?? '', 'bench')),
      'claim check (wallet signature)': await cpuOf(count, () => claims.verify({ ...claim, nowMs: Date.now() })),
      'assessment, 100 policies': await cpuOf(count, async (index) =>
        policy.assess({ ...question, clientId: `bench-${index}`, resource }),
      ),
      'assessment, asked before': await cpuOf(count, async () => policy.assess({ ...question, resource })),
      'decision record': await cpuOf(count, () =>
        log.record({
          atMs: Date.now(),
          occasion: 'token',
          party: 'client:bench',
          clientId: 'bench',
          resource: { id: plan, ...resource },
          scopes: ['instance:create'],
          outcome: 'permit',
          reason: 'bench',
          policies: [],
          claimNames: [],
          policySet: policy.hash(),
          request: { ...question, resource },
        }),
      ),
      'insert of grant and RPT': await cpuOf(count, () =>
        dataSource.transaction(async (manager) => {
          const grantId = await grants.create(granted, manager);
          await rpts.issue({ ...granted, grantId, party: 'client:bench' }, manager);
          await grants.addRefreshToken({ ...granted, grantId }, undefined, manager);
        }),
      ),
      'signature (within the insert)': await cpuOf(count, () =>
        rpts.issue({ ...granted, grantId: '', party: 'client:bench' }, nowhere),
      ),
    };
  }

  const app = new Koa();
  app.use(server.middleware);
  return {
    listener: listenerOf(app),
    commands: {
      mint,
      claims: async (minted: string[]) => Promise.all(minted.map(claimFor)),
      replay: (on: boolean) => database.replay(on),
      novel: (on: boolean) => {
        novel = on;
      },
      parts,
      databaseCpu: () => databaseCpu(real),
      check: (rpt: string, count: number) => {
        const request = { headers: { authorization: `Bearer ${rpt}` }, method: 'GET', url: '/' } as IncomingMessage;
        return cpuOf(count, async () => {
          const { kind } = await server.guard.check(request, permissions);
          if (kind !== 'granted') throw new Error(kind);
        });
      },
      fill: async (resources: number, live: number) => {
        await real.query(
          `INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
           SELECT 'r' || n, 'bench', 'plan', 'k' || n, '{instance:create,read}', '{}', '{"resource_scopes":["read"],"name":"x"}', true, now()
           FROM generate_series(1, $1) n`,
          [resources],
        );
        await real.query(
          `INSERT INTO permission_ticket (digest, owner, permissions, created_at, expires_at)
           SELECT sha256(n::text::bytea), 'bench', $2::jsonb, now(), now() + interval '1 day' FROM generate_series(1, $1) n`,
          [live, JSON.stringify(permissions)],
        );
        await real.query('ANALYZE');
      },
    },
    async close() {
      await server.close();
      policy.stop();
      rmSync(folder, { recursive: true, force: true });
      await stopTestDatabases();
    },
  };
}

function listenerOf(app: { callback(): (...asked: Parameters<RequestListener>) => Promise<void> }): RequestListener {
  const serve = app.callback();
  return (request, response) => void serve(request, response);
}

/** Microseconds of this process's CPU a call, one call after another. */
async function cpuOf(count: number, act: (index: number) => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  for (let index = 0; index < count; index++) await act(index);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / count;
}

/** Microseconds of CPU of the PostgreSQL processes that serve us so far; 0 where /proc does not tell. */
async function databaseCpu(dataSource: DataSource): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const rows = (await dataSource.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")) as {
    pid: number;
  }[];
  return rows.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * 10_000;
  }, 0);
}

const server = createServer({ keepAliveTimeout: 65_000 }).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}`;
const part = process.argv[2] === 'jwt' ? await jwt(origin) : await authz(`${origin}/authz`);
server.on('request', part.listener);
process.on('message', async ([command, ...given]: [string, ...never[]]) => {
  if (command === 'cpu') process.send?.(Object.values(process.cpuUsage()).reduce((sum, one) => sum + one));
  else if (command === 'stop') {
    server.closeAllConnections();
    server.close();
    await part.close();
    process.exit(0);
  } else process.send?.((await part.commands[command]?.(...given)) ?? null);
});
process.send?.(port);
