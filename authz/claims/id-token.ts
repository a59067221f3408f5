import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Facts, FactValue } from '../contract.js';
import type { ClaimToken, VerifiedClaims } from '../policy/types.js';
import { type BadClaims, bad } from './bad.js';
import { ticketNonce } from './ticket-binding.js';
import { MAX_TOKEN_CHARACTERS } from './token-json.js';

/** UMA Grant 3.3.1 gives this format for OpenID Connect ID tokens. */
export const ID_TOKEN_FORMAT = 'http://openid.net/specs/openid-connect-core-1_0.html#IDToken';

/** An OpenID provider the operator believes; the API server of a Kubernetes cluster is one. */
export interface TrustedIssuer {
  /** Exactly the token's `iss`. */
  readonly issuer: string;
  /** The token's `aud`; our own issuer when absent. */
  readonly audience?: string;
  /** Where its keys are; found by discovery when absent. */
  readonly jwksUri?: string;
  /** Our claim name → the token's, `/` between levels. Absent: the usual names and Kubernetes' own. `iss` always is one. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Refuse tokens whose `nonce` is not this ticket's. Tokens of people should; a pod's token has none. */
  readonly requireNonce?: boolean;
}

const USUAL_CLAIMS: Readonly<Record<string, string>> = {
  iss: 'iss',
  sub: 'sub',
  email: 'email',
  email_verified: 'email_verified',
  groups: 'groups',
  country: 'country',
  kyc_level: 'kyc_level',
  kubernetes_namespace: 'kubernetes.io/namespace',
  kubernetes_pod: 'kubernetes.io/pod/name',
  kubernetes_pod_uid: 'kubernetes.io/pod/uid',
};
/** Public-key signatures only: a shared secret proves nothing to us. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const TIMEOUT_MS = 3_000;
const CLOCK_TOLERANCE_SECONDS = 5;
const MAX_TEXT = 1_024;
const MAX_LIST = 200;

/** Verifies ID tokens of configured issuers, keeping their keys. */
export class IdTokens {
  readonly #issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly #keys = new Map<string, JWTVerifyGetKey>();

  /** `audience`: our own issuer, for whom tokens must have been made unless an issuer says otherwise. */
  constructor(
    issuers: readonly TrustedIssuer[],
    readonly audience: string,
  ) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  }

  /** Never throws. */
  async verify({ token, ticket, nowMs }: ClaimToken): Promise<VerifiedClaims> {
    if (token.length > MAX_TOKEN_CHARACTERS) return bad('format', 'the claim token is too long');
    const trusted = this.#trustedIssuerOf(token);
    if (trusted === undefined) return bad('domain', 'the ID token is not of an issuer known here');
    try {
      const { payload } = await jwtVerify(token, await this.#keysOf(trusted), {
        issuer: trusted.issuer,
        audience: trusted.audience ?? this.audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
      });
      if ((trusted.requireNonce || payload.nonce !== undefined) && payload.nonce !== ticketNonce(ticket)) {
        return bad('nonce', 'the nonce of the ID token is not that of this ticket');
      }
      return proven(trusted, payload);
    } catch (thrown) {
      return problemOf(thrown);
    }
  }

  #trustedIssuerOf(token: string): TrustedIssuer | undefined {
    try {
      return this.#issuers.get(decodeJwt(token).iss ?? '');
    } catch {
      return undefined;
    }
  }

  async #keysOf(trusted: TrustedIssuer): Promise<JWTVerifyGetKey> {
    const known = this.#keys.get(trusted.issuer);
    if (known !== undefined) return known;
    const keys = createRemoteJWKSet(new URL(trusted.jwksUri ?? (await discoverJwksUri(trusted.issuer))), {
      timeoutDuration: TIMEOUT_MS,
    });
    this.#keys.set(trusted.issuer, keys);
    return keys;
  }
}

/** OpenID Connect Discovery 4: the document must name the issuer it was fetched from. */
async function discoverJwksUri(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const document = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  if (!response.ok || document.issuer !== issuer || typeof document.jwks_uri !== 'string') {
    throw new Error('the discovery document is not of this issuer');
  }
  return document.jwks_uri;
}

function proven(trusted: TrustedIssuer, payload: JWTPayload): VerifiedClaims {
  const claims: Record<string, FactValue> = {};
  for (const [name, place] of Object.entries(trusted.claims ?? USUAL_CLAIMS)) {
    const value = factOf(memberAt(payload, place));
    if (value !== undefined) claims[name] = value;
  }
  // Whose word it is can always be compared, and is what the issuer was trusted as.
  claims.iss = trusted.issuer;
  return {
    kind: 'ok',
    claims,
    party: `oidc:${trusted.issuer}#${payload.sub}`,
    persistable: !('kubernetes_pod' in claims),
    // `verify` has refused every nonce but this ticket's.
    boundToTicket: payload.nonce !== undefined,
  };
}

function memberAt(payload: JWTPayload, place: string): unknown {
  return place.split('/').reduce<unknown>((value, name) => {
    const own = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    return own ? (value as Record<string, unknown>)[name] : undefined;
  }, payload);
}

/** Texts, whole numbers, truth values and lists of texts can be claims; anything else is left out. */
function factOf(value: unknown): Facts[string] | undefined {
  if (typeof value === 'string') return value.length <= MAX_TEXT ? value : undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (!Array.isArray(value) || value.length > MAX_LIST) return undefined;
  return value.every((one) => typeof one === 'string' && one.length <= MAX_TEXT) ? (value as string[]) : undefined;
}

function problemOf(thrown: unknown): BadClaims {
  if (thrown instanceof errors.JWTExpired) return bad('expired', 'the ID token has expired');
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    if (thrown.claim === 'aud') return bad('domain', 'the ID token is for another audience');
    return bad(thrown.claim === 'nbf' ? 'expired' : 'format', `the ID token's ${thrown.claim} is not acceptable`);
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed || thrown instanceof errors.JWKSNoMatchingKey) {
    return bad('signature', 'the ID token is not signed by its issuer');
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed || thrown instanceof errors.JOSENotSupported)
    return bad('signature', 'the ID token is signed in a way not accepted');
  if (thrown instanceof errors.JWSInvalid || thrown instanceof errors.JWTInvalid)
    return bad('format', 'not an ID token');
  return bad('unavailable', 'the keys of the issuer could not be read');
}
