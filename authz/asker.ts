import type { Facts } from './contract.js';
import { type GatheredClaims, provenParty } from './gathered-claims.js';

/** Who asks, as policies see it. */
export interface Asker {
  readonly kind: 'operator' | 'platform' | 'party';
  readonly party: string;
  readonly address?: string;
  readonly withdrawalCredentials?: string;
  readonly clientId: string;
  readonly claims: Facts;
}

/** The requesting party: the operator's client for itself, a proven party, or the client alone. */
export function askerOf(parts: { operatorId: string }, clientId: string, gathered: GatheredClaims): Asker {
  const { party, address, withdrawalCredentials, claims } = provenParty(gathered);
  return {
    kind: clientId === parts.operatorId && party === undefined ? 'operator' : 'party',
    party: party ?? `client:${clientId}`,
    ...(address !== undefined && { address }),
    ...(withdrawalCredentials !== undefined && { withdrawalCredentials }),
    clientId,
    claims,
  };
}
