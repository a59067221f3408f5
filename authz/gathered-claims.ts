import type { Facts } from './contract.js';
import type { VerifiedClaims } from './policy/types.js';

/** What is proved so far of one requesting party. */
export interface GatheredClaims {
  readonly claims: Facts;
  /** Absent until a claim token names one. */
  readonly party?: string;
  readonly address?: string;
  readonly encryptionPublicKey?: string;
  readonly persistable: boolean;
  /** Did the party consent to a PCT on the claims page? Absent for claims that its client pushed. */
  readonly persist?: boolean;
  /** Of claims out of a PCT: when that one ends, in milliseconds since 1970. What is kept of them again ends no later. */
  readonly keepUntilMs?: number;
}

export const NO_CLAIMS: GatheredClaims = { claims: {}, persistable: true };

/** Adds newly verified claims. Claims of two parties never mix: those of another party replace what was there. */
export function addClaims(known: GatheredClaims, added: Extract<VerifiedClaims, { kind: 'ok' }>): GatheredClaims {
  const base =
    added.party !== undefined && known.party !== undefined && added.party !== known.party ? NO_CLAIMS : known;
  return {
    ...base,
    claims: { ...base.claims, ...added.claims },
    ...(added.party !== undefined && { party: added.party }),
    ...(added.address !== undefined && { address: added.address }),
    ...(added.encryptionPublicKey !== undefined && { encryptionPublicKey: added.encryptionPublicKey }),
    persistable: base.persistable && added.persistable,
  };
}

/** Two sources of claims as one; where they name different parties, `later` alone. */
export function mergeClaims(earlier: GatheredClaims, later: GatheredClaims): GatheredClaims {
  const merged = addClaims(earlier, { kind: 'ok', ...later });
  const keepUntilMs = Math.min(merged.keepUntilMs ?? Infinity, later.keepUntilMs ?? Infinity);
  return {
    ...merged,
    ...(later.persist !== undefined && { persist: later.persist }),
    ...(keepUntilMs < Infinity && { keepUntilMs }),
  };
}
