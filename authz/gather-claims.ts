import { invalidGrant } from './errors.js';
import { type GatheredClaims, joinClaims, NO_CLAIMS, proofOf, whyAlone } from './gathered-claims.js';
import type { Pcts } from './pct.js';
import type { ClaimVerifier } from './policy/types.js';
import type { SpentTicket } from './protection/tickets.js';
import type { UmaRequest } from './token-request.js';

export interface GatherParts {
  readonly claims: ClaimVerifier;
  readonly pcts: Pcts;
  readonly nowMs: () => number;
}

/** What a claim token that was not accepted means for the request. */
interface Rejection {
  readonly description: string;
}

export interface Gathered {
  readonly claims: GatheredClaims;
  /** Something new was proved in this exchange of tickets, and may be kept in a PCT. */
  readonly fresh: boolean;
  readonly rejected?: Rejection;
  /** Why what was known before was set aside by the newest proof, when it was. */
  readonly setAside?: string;
}

/** PCT, then what earlier tickets brought, then the claim token; each joins what was there or takes its place. */
export async function gatherClaims(parts: GatherParts, request: UmaRequest, ticket: SpentTicket): Promise<Gathered> {
  const persisted = request.pct === undefined ? undefined : await parts.pcts.find(request.pct, request.client.id);
  const known = joinClaims(persisted ?? NO_CLAIMS, ticket.gathered ?? NO_CLAIMS);
  const brought = ticket.gathered !== undefined && ticket.gathered.proofs.length > 0;
  if (request.claimToken === undefined) return { claims: known, fresh: brought };
  const { format, token } = request.claimToken;
  const verified = await parts.claims.verify({
    format,
    token,
    ticket: request.ticket,
    clientId: request.client.id,
    resourceIds: ticket.permissions.map(({ resourceId }) => resourceId),
    nowMs: parts.nowMs(),
  });
  if (verified.kind === 'ok') {
    const added = { proofs: [proofOf(verified)] };
    const setAside = whyAlone(known, added);
    return { claims: joinClaims(known, added), fresh: true, ...(setAside !== undefined && { setAside }) };
  }
  if (!MAY_TRY_AGAIN.has(verified.problem)) throw invalidGrant(verified.description);
  return { claims: known, fresh: brought, rejected: { description: verified.description } };
}

const MAY_TRY_AGAIN: ReadonlySet<string> = new Set(['expired', 'nonce', 'format', 'unavailable']);
