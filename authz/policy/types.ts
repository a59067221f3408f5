/** What the authorization server asks of policies, of claim verification and of the decision log: interfaces only. */
import type { EntityManager } from 'typeorm';
import type { Facts } from '../contract.js';

/** One question: may this principal do this on this resource, knowing these claims and this context? */
export interface AssessRequest {
  /** A second resource owner's client_id: its own policies apply, and of the operator's those that reach it. Absent: the operator. */
  readonly owner?: string;
  /** That owner has written policies itself: files alone do not give the answer. */
  readonly ownPolicies?: true;
  readonly principal: {
    readonly party: string;
    readonly kind: 'operator' | 'platform' | 'party';
    /** Lower-case 0x address when a wallet proved itself. */
    readonly address?: string;
    /** Live facts of the party. */
    readonly attributes: Facts;
  };
  readonly clientId: string;
  /** The Cedar action id: `instance:create`, `read`, `rpc:read`… */
  readonly scope: string;
  /** Fixed attributes with the live ones merged over them. */
  readonly resource: { readonly type: string; readonly key: string; readonly attributes: Facts };
  /** Verified claims by name; a claim not proved is absent. */
  readonly claims: Facts;
  /** Parameters of the request, when known (security.md B1). */
  readonly context: Facts;
  readonly nowSeconds: number;
}

/** An entry of `required_claims` (UMA Grant 3.3.6). */
export interface RequiredClaim {
  readonly name: string;
  readonly friendly_name: string;
  readonly claim_type?: string;
  readonly claim_token_format: readonly string[];
  readonly issuer?: readonly string[];
}

export interface Assessment {
  /** `owner_approval`: permitted once an operator approves. `need_info`: more claims could permit it. */
  readonly outcome: 'permit' | 'owner_approval' | 'deny' | 'need_info';
  /** One line for people. */
  readonly reason: string;
  /** Determining policies as `file:line id`. */
  readonly policies: readonly string[];
  /** With `need_info`: always-needed claims and the smallest alternative. */
  readonly requiredClaims?: readonly RequiredClaim[];
  /** With `need_info`: every set of claims that would do (extension `urn:ovsb:uma:alternatives`). */
  readonly alternatives?: readonly (readonly RequiredClaim[])[];
}

/** The policies in force. Synchronous: a decision is computed from preparsed sets and never waits. */
export interface PolicyEngine {
  /**
   * SHA-256 (hex) over the policy set in force. With a second resource owner's client_id: over what rules its resources,
   * which is another one only when it has written policies itself.
   */
  hash(owner?: string): string;
  /** The hashes of owners that have written policies themselves, by client_id. */
  ownHashes(): ReadonlyMap<string, string>;
  /** `file:line:column: …` of the newest files when they were refused and the last good set stays in force. */
  fault(): string | undefined;
  /** Owners whose own policies are not in force, so that all of their resources are denied: whose and why. */
  ownerFaults(): readonly string[];
  /** Fails closed: a fault in evaluation is `deny`. No policy and no claims never permits (K7). */
  assess(request: AssessRequest): Assessment;
  /** Called after a new set is in force. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

export interface ClaimToken {
  readonly format: string;
  readonly token: string;
  /** The ticket it was presented with; EIP-4361 nonces derive from it. */
  readonly ticket: string;
  readonly clientId: string;
  /** Resources of the ticket: a message that names another one is refused. */
  readonly resourceIds?: readonly string[];
  readonly nowMs: number;
}

export type VerifiedClaims =
  | {
      readonly kind: 'ok';
      readonly claims: Facts;
      /** The requesting party it proves: `eip155:31337:0xabc…`. */
      readonly party: string;
      readonly address?: string;
      /** 0x00 withdrawal credentials (lower-case 0x, 32 bytes) whose BLS key signed. */
      readonly withdrawalCredentials?: string;
      /** base64 x25519 key bound inside the signed message. */
      readonly encryptionPublicKey?: string;
      /** May be kept in a PCT beyond an hour (not for EIP-1271, security.md B4). */
      readonly persistable: boolean;
      /** It carries the nonce of the ticket it was presented with: no token made for something else can. */
      readonly boundToTicket: boolean;
    }
  | {
      readonly kind: 'bad';
      /**
       * expired, nonce, format: need_info with a new ticket (the party can try again).
       * signature, domain, client, chain, resource: invalid_grant. unavailable: what verifies it did not answer (need_info).
       */
      readonly problem:
        | 'expired'
        | 'nonce'
        | 'format'
        | 'signature'
        | 'domain'
        | 'client'
        | 'chain'
        | 'resource'
        | 'unavailable';
      /** For the requesting party; holds no secret. */
      readonly description: string;
    };

export interface ClaimVerifier {
  /** Claim token formats accepted, as published in uma_profiles_supported. */
  readonly formats: readonly string[];
  /** Never throws for bad input. */
  verify(token: ClaimToken): Promise<VerifiedClaims>;
}

/** One decision, as recorded and replayed. Claims by name only. */
export interface DecisionRecord {
  readonly atMs: number;
  /** `token`: at the token endpoint; `guard`: Guard.decide and platforms; `reassessment`: after a policy change. */
  readonly occasion: 'token' | 'guard' | 'reassessment';
  readonly party: string;
  readonly clientId: string;
  /** Absent: the operator's. */
  readonly owner?: string;
  readonly resource: { readonly id: string; readonly type: string; readonly key: string };
  readonly scopes: readonly string[];
  readonly outcome: Assessment['outcome'];
  readonly reason: string;
  readonly policies: readonly string[];
  readonly claimNames: readonly string[];
  readonly policySet: string;
  /** The question itself for `policy replay`: claim values are left out by the log, never by the caller. */
  readonly request?: AssessRequest;
}

/** Append-only. */
export interface DecisionLog {
  /** Joins the caller's transaction when a manager is given. */
  record(decision: DecisionRecord, manager?: EntityManager): Promise<void>;
}
