import type { Facts } from './contract.js';
import type { VerifiedClaims } from './policy/types.js';

/** What one party's accepted claim tokens said of it. */
export interface Proof {
  /** `eip155:…`, `bls:…`, `oidc:…`: what stands before the first colon is its kind. */
  readonly party: string;
  readonly claims: Facts;
  readonly address?: string;
  /** 0x00 withdrawal credentials (lower-case 0x, 32 bytes) whose BLS key signed. */
  readonly withdrawalCredentials?: string;
  readonly encryptionPublicKey?: string;
  readonly persistable: boolean;
  /** It was made for the very ticket it came with, so whoever brought it proved itself there and then. */
  readonly boundToTicket: boolean;
  /** Did the party consent to a PCT on the claims page? Absent for claims that its client pushed. */
  readonly persist?: boolean;
  /** Out of a PCT or a grant: when it ends there, in milliseconds since 1970. What is kept of it again ends no later. */
  readonly keepUntilMs?: number;
}

/**
 * What is proved so far of one requesting party: in one chain of tickets, which belongs to one client, or kept in a PCT.
 * INVARIANT: at most one proof of a kind; two or more only when each was bound to the ticket it came with. A token that was
 * not (a pod's, or any that whoever holds it can send again) never lends its claims to an account, nor does what a PCT
 * kept to an account proved since: a PCT's set grows by nobody.
 */
export interface GatheredClaims {
  readonly proofs: readonly Proof[];
}

export const NO_CLAIMS: GatheredClaims = { proofs: [] };

/** The party that proofs joined make, as policies and RPTs see it. */
export interface ProvenParty {
  /** The account when there is one; absent until a claim token names a party. */
  readonly party?: string;
  readonly address?: string;
  readonly withdrawalCredentials?: string;
  readonly encryptionPublicKey?: string;
  readonly claims: Facts;
}

/** Least first: what stands later names the party, and its word holds where two proofs state the same claim. */
const KINDS = ['oidc', 'bls', 'eip155'];

export function provenParty({ proofs }: GatheredClaims): ProvenParty {
  const rankOf = ({ party }: Proof) => KINDS.indexOf(kindOf(party));
  const ranked = [...proofs].sort((one, other) => rankOf(one) - rankOf(other));
  const { party, address, withdrawalCredentials, encryptionPublicKey } = Object.assign({}, ...ranked) as Partial<Proof>;
  return {
    ...(party !== undefined && { party }),
    ...(address !== undefined && { address }),
    ...(withdrawalCredentials !== undefined && { withdrawalCredentials }),
    ...(encryptionPublicKey !== undefined && { encryptionPublicKey }),
    claims: Object.assign({}, ...ranked.map(({ claims }) => claims)) as Facts,
  };
}

export function proofOf(verified: Extract<VerifiedClaims, { kind: 'ok' }>, persist?: boolean): Proof {
  const { kind: _, ...proof } = verified;
  return { ...proof, ...(persist !== undefined && { persist }) };
}

/** Adds newly proved claims; where they do not join what was known, they alone remain. */
export function addProof(known: GatheredClaims, added: Proof): GatheredClaims {
  return joinClaims(known, { proofs: [added] });
}

/** Two sources of claims as one; where any of `later` does not join `earlier`, `later` alone. */
export function joinClaims(earlier: GatheredClaims, later: GatheredClaims): GatheredClaims {
  if (whyAlone(earlier, later) !== undefined) return later;
  const proofs = new Map(earlier.proofs.map((proof) => [proof.party, proof]));
  for (const proof of later.proofs) {
    const known = proofs.get(proof.party);
    proofs.set(proof.party, known === undefined ? proof : renewed(known, proof));
  }
  return { proofs: [...proofs.values()] };
}

/** Why `later` does not join `earlier`, in people's words; undefined when it does. */
export function whyAlone(earlier: GatheredClaims, later: GatheredClaims): string | undefined {
  for (const one of earlier.proofs) {
    for (const other of later.proofs) {
      if (one.party === other.party && one.boundToTicket === other.boundToTicket) continue;
      if (!one.boundToTicket || !other.boundToTicket)
        return 'a claim token without the nonce of its ticket joins no other, so what was proved before it is set aside';
      if (one.keepUntilMs !== undefined && !earlier.proofs.some(({ party }) => party === other.party))
        return `what a PCT kept of ${one.party} joins no proof made since; prove both for one ticket`;
      if (kindOf(one.party) === kindOf(other.party))
        return `the newest claim token names another party, so what was proved of ${one.party} is set aside`;
    }
  }
  return undefined;
}

/** Further claims of the same party: together they are kept as briefly as the first of them. */
function renewed(known: Proof, added: Proof): Proof {
  const keepUntilMs = Math.min(known.keepUntilMs ?? Infinity, added.keepUntilMs ?? Infinity);
  return {
    ...known,
    ...added,
    claims: { ...known.claims, ...added.claims },
    persistable: known.persistable && added.persistable,
    ...(keepUntilMs < Infinity && { keepUntilMs }),
  };
}

/** How long what was proved may be kept, in seconds: usually, and of what may not be kept long (security.md B4). */
export interface Keeping {
  readonly pct: number;
  readonly shortPct: number;
}

/** The same with an end to each proof; one that has an end keeps it, unless a nearer one is due. */
export function kept({ proofs }: GatheredClaims, nowMs: number, keeping: Keeping): GatheredClaims {
  return {
    proofs: proofs.map((proof) => {
      const endMs = nowMs + (proof.persistable ? keeping.pct : keeping.shortPct) * 1000;
      return { ...proof, keepUntilMs: Math.min(endMs, proof.keepUntilMs ?? Infinity) };
    }),
  };
}

/** When the first of the proofs ends, in milliseconds since 1970; never when there is none or none has an end. */
export function keptUntilMs({ proofs }: GatheredClaims): number {
  return Math.min(...proofs.map(({ keepUntilMs = Infinity }) => keepUntilMs));
}

/** May a PCT be made of them? Each of them must have been given for keeping, or pushed by the client. */
export function mayKeep({ proofs }: GatheredClaims): boolean {
  return proofs.length > 0 && proofs.every(({ persist }) => persist !== false);
}

function kindOf(party: string): string {
  return party.split(':', 1)[0] ?? '';
}
