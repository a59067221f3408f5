import type { IncomingMessage } from 'node:http';
import type { DataSource } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { DatabaseConnection } from '../src/database/connection.js';
import type { Logger } from '../src/logger.js';
import type { FactSource } from './contract.js';
import type { QueryableDecisionLog } from './policy/decision-log.js';
import type { OwnerPolicies } from './policy/owner/owner-policies.js';
import type { ClaimVerifier, DecisionLog, PolicyEngine } from './policy/types.js';

/** Encrypts the signing keys at rest; src/keys/data-key.ts has one. */
export interface SealingKey {
  seal(plaintext: Uint8Array, purpose: string, id: string): Buffer;
  open(sealed: Uint8Array, purpose: string, id: string): Buffer;
}

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** An OSB platform's account: HTTP basic, or a bearer token, or both. */
export interface PlatformAccount {
  readonly username: string;
  readonly password: string;
  readonly bearerToken?: string;
}

/** An OpenID provider people may sign in at on the claims pages; the claim verifier must trust it with this audience. */
export interface SignInIssuer {
  /** Shown on the button. */
  readonly name: string;
  readonly issuer: string;
  /** This server's registration there, with `<issuer>/claims/callback` as redirect URI. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** `openid email` when absent. */
  readonly scope?: string;
}

/** All in seconds. */
export interface Lifetimes {
  readonly ticket: number;
  readonly rpt: number;
  readonly refreshToken: number;
  readonly pct: number;
  /** Of claims that may not be kept long (security.md B4). */
  readonly shortPct: number;
  readonly pat: number;
  /** How long a request waits for the owner, and an approval for its use. */
  readonly approval: number;
}

export const DEFAULT_LIFETIMES: Lifetimes = {
  ticket: 5 * 60,
  rpt: 15 * 60,
  refreshToken: 8 * 3600,
  pct: 30 * 86_400,
  shortPct: 3600,
  pat: 3600,
  approval: 7 * 86_400,
};

export interface AuthorizationOptions {
  /** 1–10 in the sandbox. */
  readonly requestSubmittedIntervalSeconds: number;
  /** Anyone may register a client (the sandbox). */
  readonly openRegistration: boolean;
  /** RFC 7591 initial access token, for when registration is not open. */
  readonly initialAccessToken?: string;
  readonly lifetimes?: Partial<Lifetimes>;
  /** A client that was registered and then did nothing is forgotten after so many days; 30. */
  readonly forgetUnusedClientsDays?: number;
  /** For how many days decisions are kept; 90. */
  readonly keepDecisionsDays?: number;
  /** Requests a second and address below the issuer, and as many tickets a second elsewhere; far above 100. */
  readonly requestsPerSecond?: number;
}

export interface AuthorizationDeps {
  /** Migrated. */
  readonly dataSource: DataSource;
  /** For LISTEN on a connection of its own. */
  readonly connection: DatabaseConnection;
  /** `<public_url>/authz`, without a trailing slash. */
  readonly issuer: string;
  /** EIP-155 id of the network whose wallets sign on the claims pages; without it there are no pages. */
  readonly chainId?: number;
  /** Why this replica's documents are not those in force (security.md C3): nothing is issued or decided meanwhile. */
  readonly standAside?: () => string | undefined;
  readonly operator: ClientCredentials;
  /** The ordinary confidential client of credentials.json. */
  readonly client: ClientCredentials;
  /** Built-in public client; `ovsb-cli`. */
  readonly publicClientId?: string;
  readonly platforms: readonly PlatformAccount[];
  readonly policy: PolicyEngine;
  /** What second owners write of their resources, at `<issuer>/policies`; part of `policy`. Absent: they cannot. */
  readonly ownerPolicies?: OwnerPolicies;
  readonly claims: ClaimVerifier;
  readonly signIn?: readonly SignInIssuer[];
  /** One that can be queried is served at `<issuer>/decisions`. */
  readonly decisions: DecisionLog | QueryableDecisionLog;
  readonly facts: FactSource;
  /** False while facts are unknown only because nobody has looked yet, after a start: no grant is ended for want of one. */
  readonly factsReady?: () => boolean;
  readonly sealingKey: SealingKey;
  /** Whom the limits count: behind trusted proxies the real caller; by default the connection's address. */
  readonly clientAddress?: (request: IncomingMessage) => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: AuthorizationOptions;
}
