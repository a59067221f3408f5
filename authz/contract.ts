/** What the authorization server promises: the types of its door (index.ts). */
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { EntityManager } from 'typeorm';
import type { Job } from '../src/job.js';

/** A value a policy can read: Cedar's Bool, Long (safe integer), String, Set, Record. */
export type FactValue = boolean | number | string | readonly FactValue[] | { readonly [name: string]: FactValue };
export type Facts = Readonly<Record<string, FactValue>>;

/** What a resource server registers (UMA Federated Authorization 3.1) with what policies need to know of it. */
export interface ResourceDescription {
  /** Shown to people: "Nimbus with Geth". */
  readonly name: string;
  /** `plan`, `instance`, `binding`, `catalog`, `broker`, `fleet`, `keys`, `policies`: the Cedar entity type is its PascalCase. */
  readonly type: string;
  /** The Cedar entity id: `validator-nimbus/geth` for a plan, the instance id for an instance. */
  readonly key: string;
  readonly scopes: readonly string[];
  /** Fixed at registration: owner, groups, implementation. Live facts are added by `FactSource` at decision time. */
  readonly attributes: Facts;
}

/** Live attributes of a resource and its requesting party at this moment; an unknown fact is left out, never guessed. */
export type FactSource = (
  resource: { readonly type: string; readonly key: string; readonly attributes: Facts },
  party: { readonly party: string; readonly address?: string; readonly withdrawalCredentials?: string },
) => Promise<{ readonly resource: Facts; readonly party: Facts }>;

export interface Permission {
  readonly resourceId: string;
  readonly scopes: readonly string[];
}

/** Who asks, proven by a credential. */
export interface Subject {
  /** `operator`: the operator's own client; `platform`: an OSB platform's basic or bearer account; `party`: everyone else. */
  readonly kind: 'operator' | 'platform' | 'party';
  /** Stable identity: `eip155:31337:0xabc…` (lower case), `client:<client_id>`, `platform:<username>`. */
  readonly party: string;
  readonly clientId: string;
  /** Lower-case 0x address when a wallet proved itself. */
  readonly address?: string;
  /** 0x00 withdrawal credentials (lower-case 0x, 32 bytes) whose BLS key signed. */
  readonly withdrawalCredentials?: string;
  /** base64 x25519 key bound inside the wallet's message. */
  readonly encryptionPublicKey?: string;
  readonly claims: Facts;
  /** What the RPT grants; empty for a platform, whose every request is decided when it comes. */
  readonly permissions: readonly Permission[];
  /** The RPT's jti and expiry in seconds since 1970; absent for a platform. */
  readonly tokenId?: string;
  readonly expiresAt?: number;
  /** DPoP-bound: each use needs `Guard.confirm`, also on a cache hit. */
  readonly proofOfPossession: boolean;
  /** From X-Broker-API-Originating-Identity, of a platform only; never widens rights. */
  readonly originatingIdentity?: { readonly platform: string; readonly value: unknown };
}

export interface Decision {
  readonly outcome: 'permit' | 'deny' | 'owner_approval';
  /** One line for people: which policy, file:line, and why. */
  readonly reason: string;
  /** Determining policies as `file:line id`. */
  readonly policies: readonly string[];
}

/** A UMA challenge (UMA Grant 3.2.1): answer 401 with these headers; bodies are each protocol's own. */
export interface Challenge {
  readonly headers: Readonly<Record<string, string>>;
  readonly ticket: string;
  readonly asUri: string;
}

export type GuardOutcome =
  | { readonly kind: 'granted'; readonly subject: Subject }
  /** No, invalid or insufficient credential: 401, the same in the three cases. */
  | { readonly kind: 'challenge'; readonly challenge: Challenge }
  /** A platform's credential is good and the policies say no: 403. */
  | { readonly kind: 'denied'; readonly decision: Decision };

/** Every method throws `UnreachableError` when the server cannot be asked; `guardAnswer` says how to answer (UMA Grant 3.2.2). */
export interface Guard {
  /** Whose credential the request carries; undefined for none, garbage, expired or revoked. Never throws for bad input. */
  identify(request: IncomingMessage): Promise<Subject | undefined>;
  /**
   * Checks the request's credential against all of `wanted`; a challenge's ticket names exactly `wanted`. A platform's is
   * decided now, with what is known of the request in `context`.
   */
  check(request: IncomingMessage, wanted: readonly Permission[], context?: Facts): Promise<GuardOutcome>;
  /**
   * A ticket for `wanted`, for callers that have cached `identify`. With the request of whoever has no credential it counts
   * against that address. @throws DomainError `TooManyRequests` (429, Retry-After), and then makes no ticket.
   */
  challenge(wanted: readonly Permission[], request?: IncomingMessage): Promise<Challenge>;
  /** A fresh DPoP proof for this request? True at once for subjects without `proofOfPossession`. */
  confirm(request: IncomingMessage, subject: Subject): Promise<boolean>;
  /**
   * The same policies asked again with the request's parameters in `context` (security.md B1). Recorded in the decision log.
   * An owner's approval is honoured when it is for this party and resource, and (when given) this `digest`.
   */
  decide(
    subject: Subject,
    wanted: { readonly resourceId: string; readonly scope: string; readonly context?: Facts; readonly digest?: string },
  ): Promise<Decision>;
}

/** The protection API in process: the broker is a resource server like any other, with the operator's client as its identity. */
export interface ProtectionApi {
  /** Joins the caller's transaction. Returns a resource id that is never used again. */
  register(description: ResourceDescription, manager?: EntityManager): Promise<string>;
  /** Registers or updates the resource with this type and key (plans, fleet…); keeps its id. */
  ensure(description: ResourceDescription, manager?: EntityManager): Promise<string>;
  /** Ends the resource's tickets, permissions and approvals at once, on every replica. */
  withdraw(resourceId: string, manager?: EntityManager): Promise<void>;
}

export interface Revocation {
  readonly kind: 'token' | 'resource' | 'all';
  /** The token's jti or the resource id; absent for `all`. */
  readonly id?: string;
}

export interface AuthorizationServer {
  /** Serves `/authz/*`; passes everything else on. Mount before anything that reads bodies. */
  readonly middleware: Middleware;
  readonly issuer: string;
  readonly protection: ProtectionApi;
  readonly guard: Guard;
  /** Periodic work for the scheduler. */
  readonly jobs: readonly Job[];
  /** Signs with a new key from now on; live RPTs stay valid. */
  rotateSigningKeys(): Promise<void>;
  /** After a restore (security.md A1): every ticket, RPT, refresh token, PCT and PAT is dead; clients and resources stay. */
  revokeAll(): Promise<void>;
  /** Calls back within a second of a revocation anywhere. Returns the unsubscribe function. */
  onRevocation(listener: (revocation: Revocation) => void): () => void;
  /** Why the server cannot serve now (a bad policy set while running is not a reason; see `policyFault`). */
  notReady(): string | undefined;
  /** The fault of the newest policy files when they were refused and the last good set is in force. */
  policyFault(): string | undefined;
  /** Second owners whose own policies are not in force, so that their resources are denied: whose and why. */
  ownerPolicyFaults(): readonly string[];
  close(): Promise<void>;
}
