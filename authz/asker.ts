import type { Facts } from './contract.js';
import type { GatheredClaims } from './gathered-claims.js';

/** Who asks, as policies see it. */
export interface Asker {
  readonly kind: 'operator' | 'platform' | 'party';
  readonly party: string;
  readonly address?: string;
  readonly clientId: string;
  readonly claims: Facts;
}

/** The requesting party: the operator's client for itself, a proven party, or the client alone. */
export function askerOf(parts: { operatorId: string }, clientId: string, gathered: GatheredClaims): Asker {
  const operator = clientId === parts.operatorId && gathered.party === undefined;
  return {
    kind: operator ? 'operator' : 'party',
    party: gathered.party ?? `client:${clientId}`,
    ...(gathered.address !== undefined && { address: gathered.address }),
    clientId,
    claims: gathered.claims,
  };
}
