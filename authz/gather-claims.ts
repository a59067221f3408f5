import { invalidGrant } from './errors.js';
import { addClaims, type GatheredClaims, mergeClaims, NO_CLAIMS } from './gathered-claims.js';
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
}

/** PCT, then what earlier tickets brought, then the claim token; claims of different parties never mix. */
export async function gatherClaims(parts: GatherParts, request: UmaRequest, ticket: SpentTicket): Promise<Gathered> {
  const persisted = request.pct === undefined ? undefined : await parts.pcts.find(request.pct, request.client.id);
  const known = mergeClaims(persisted ?? NO_CLAIMS, ticket.gathered ?? NO_CLAIMS);
  const brought = ticket.gathered !== undefined && Object.keys(ticket.gathered.claims).length > 0;
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
  if (verified.kind === 'ok') return { claims: addClaims(known, verified), fresh: true };
  if (!MAY_TRY_AGAIN.has(verified.problem)) throw invalidGrant(verified.description);
  return { claims: known, fresh: brought, rejected: { description: verified.description } };
}

const MAY_TRY_AGAIN: ReadonlySet<string> = new Set(['expired', 'nonce', 'format', 'unavailable']);
