import type { DataSource } from 'typeorm';
import {
  type AuthorizationServer,
  createAuthorizationServer,
  createClaimVerifier,
  createDecisionLog,
  createPolicyEngine,
  type FactSource,
  OwnerPolicies,
} from '../authz/index.js';
import { systemClock } from './clock.js';
import type { Closers } from './closers.js';
import type { Config } from './config.js';
import type { Credentials } from './credentials.js';
import type { DatabaseConnection } from './database/connection.js';
import type { DocumentsInForce } from './database/documents-in-force.js';
import { clientAddress } from './http/client-address.js';
import type { DataKey } from './keys/data-key.js';
import type { Logger } from './logger.js';

export interface AuthorizationSurroundings {
  readonly config: Config;
  readonly dataSource: DataSource;
  readonly connection: DatabaseConnection;
  readonly dataKey: DataKey;
  readonly credentials: Credentials;
  readonly facts: FactSource;
  readonly factsReady: () => boolean;
  /** Its policies must be those in force. */
  readonly documents: DocumentsInForce;
  /** JSON-RPC of execution nodes, best first, for contract wallets (EIP-1271); none: plain accounts only. */
  readonly executionNodeUris: () => readonly string[];
  readonly logger: Logger;
  readonly closers: Closers;
}

/** Policies first: a bad file refuses the start with its place. Then the authorization server on them. */
export async function openAuthorization(surroundings: AuthorizationSurroundings): Promise<AuthorizationServer> {
  const { config, dataSource, connection, dataKey, credentials, executionNodeUris, logger, closers } = surroundings;
  const ownerPolicies = await OwnerPolicies.open({ dataSource, connection, clock: systemClock, logger });
  closers.add("owners' policies", () => ownerPolicies.close());
  const policy = await createPolicyEngine({
    folder: config.policiesDir,
    writableFiles: config.sandbox ? 'warn' : 'refuse',
    logger,
    owners: ownerPolicies,
  });
  closers.add('policies', () => policy.stop());
  surroundings.documents.watch({ name: 'policies', paths: [config.policiesDir], hash: () => policy.hash() });
  const { issuer, operator, client, platform } = credentials;
  const server = await createAuthorizationServer({
    dataSource,
    connection,
    issuer,
    chainId: config.chainId,
    standAside: () => surroundings.documents.differing(),
    signIn: config.signIn,
    operator: { clientId: operator.client_id, clientSecret: operator.client_secret },
    client: { clientId: client.client_id, clientSecret: client.client_secret },
    platforms: [platform],
    policy,
    ownerPolicies,
    claims: createClaimVerifier({
      issuer,
      chainId: config.chainId,
      idTokenIssuers: config.idTokenIssuers,
      executionNodeUris,
    }),
    decisions: createDecisionLog(dataSource),
    facts: surroundings.facts,
    factsReady: surroundings.factsReady,
    sealingKey: dataKey,
    clientAddress: clientAddress(config.trustedProxies),
    clock: systemClock,
    logger,
    options: {
      requestSubmittedIntervalSeconds: config.requestInterval.submittedSeconds,
      openRegistration: config.registration.open,
      forgetUnusedClientsDays: config.registration.forgetUnusedDays,
      keepDecisionsDays: config.decisionLog.keepDays,
      ...(config.registration.initialAccessToken !== undefined && {
        initialAccessToken: config.registration.initialAccessToken,
      }),
    },
  });
  closers.add('authorization server', () => server.close());
  return server;
}
