/** The broker with the real authorization server, the default policies and the gateway's own table of endpoints. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Koa from 'koa';
import {
  createAuthorizationServer,
  createClaimVerifier,
  createPolicyEngine,
  type FactSource,
} from '../../authz/index.js';
import type { DecisionRecord } from '../../authz/policy/types.js';
import { type BrokerOptions, createBroker } from '../../broker/index.js';
import { systemClock } from '../../src/clock.js';
import { EndpointStore } from '../../src/gateway/endpoint-store.js';
import { UsageLedger } from '../../src/gateway/usage-ledger.js';
import { createDataKey } from '../../src/keys/data-key.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { CLIENT, OPERATOR, PLATFORM } from '../authz/support.js';
import type { TestFleet } from '../fleet/fleet-support.js';
import { PAIRS, ScriptedFleet } from './broker.js';
import { testDatabase } from './database.js';

const standardFacts: FactSource = async ({ type, attributes }) => ({
  resource: type === 'plan' && attributes.kind === 'validator' ? { share_ppm: 100_000 } : {},
  party: { stake_keys: 1, keys_held: 0 },
});

export interface AuthorizedBroker {
  readonly origin: string;
  readonly endpoints: EndpointStore;
  asPlatform(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
    // biome-ignore lint/suspicious/noExplicitAny: tests read answers freely
  ): Promise<{ readonly status: number; readonly body: any }>;
  plan(key: string): Promise<{ service_id: string; plan_id: string }>;
  close(): Promise<void>;
}

/** @param policies the folder of its policies. */
export async function authorizedBroker(
  policies = join(ROOT, 'policies'),
  more: {
    readonly facts?: FactSource;
    readonly record?: (decision: DecisionRecord) => void;
    readonly catalogPath?: string;
    readonly requestsPerSecond?: number;
    /** Stands on this fleet and in its database, instead of on a fleet that says what it is told. */
    readonly fleet?: TestFleet;
  } & Pick<BrokerOptions, 'holdsKeys' | 'controlsKeys'> = {},
): Promise<AuthorizedBroker> {
  const database = more.fleet?.database ?? (await testDatabase());
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const logger = createLogger('silent');
  const dataKey = createDataKey(randomBytes(32));
  const { dataSource, connection } = database;
  const policy = await createPolicyEngine({ folder: policies, writableFiles: 'warn', logger });
  const issuer = `${origin}/authz`;
  const authz = await createAuthorizationServer({
    dataSource,
    connection,
    issuer,
    operator: OPERATOR,
    client: CLIENT,
    platforms: [PLATFORM],
    policy,
    claims: createClaimVerifier({ issuer, chainId: 31337 }),
    decisions: { record: async (decision) => more.record?.(decision) },
    facts: more.facts ?? standardFacts,
    sealingKey: dataKey,
    clock: systemClock,
    logger,
    options: {
      requestSubmittedIntervalSeconds: 1,
      openRegistration: true,
      ...(more.requestsPerSecond !== undefined && { requestsPerSecond: more.requestsPerSecond }),
    },
  });
  const endpoints = new EndpointStore(dataSource, new UsageLedger(dataSource), () => undefined);
  const broker = await createBroker({
    dataSource,
    guard: authz.guard,
    protection: authz.protection,
    fleet: more.fleet?.fleet.provisioning ?? new ScriptedFleet(),
    rpc: endpoints,
    dataKey,
    catalogPath: more.catalogPath ?? join(ROOT, 'config/catalog.yaml'),
    ...(more.holdsKeys && { holdsKeys: more.holdsKeys }),
    ...(more.controlsKeys && { controlsKeys: more.controlsKeys }),
    offeredPairs: () => PAIRS,
    publicUrl: origin,
    issuer,
    chainId: 31337,
    clock: systemClock,
    logger,
  });
  broker.worker.start();
  const koa = new Koa();
  koa.use(authz.middleware);
  koa.use(broker.routes.routes());
  http.on('request', koa.callback());

  const basic = `Basic ${Buffer.from(`${PLATFORM.username}:${PLATFORM.password}`).toString('base64')}`;
  const asPlatform: AuthorizedBroker['asPlatform'] = async (method, path, body, headers = {}) => {
    const response = await fetch(origin + path, {
      method,
      headers: { authorization: basic, 'x-broker-api-version': '2.17', 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse((await response.text()) || '{}') };
  };
  return {
    origin,
    endpoints,
    asPlatform,
    async plan(key) {
      const { body } = await asPlatform('GET', '/v2/catalog');
      for (const service of body.services)
        for (const offered of service.plans)
          if (`${service.name}/${offered.name}` === key) return { service_id: service.id, plan_id: offered.id };
      throw new Error(`no plan ${key}`);
    },
    async close() {
      await broker.worker.stop();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await authz.close();
      policy.stop();
      if (more.fleet === undefined) await database.drop();
    },
  };
}
