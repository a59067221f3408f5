/** The UMA grant (UMA Grant 3.3) as steps: consumeTicket, gatherClaims, assess, decide, issueRpt. */
import { type Assessed, type AssessParts, assess } from './assess.js';
import type { Conclusion } from './authorization-assessment.js';
import type { Permission } from './contract.js';
import type { DpopProofs } from './dpop.js';
import { invalidGrant, UmaGrantError } from './errors.js';
import { type Gathered, type GatherParts, gatherClaims } from './gather-claims.js';
import { type IssueParts, issueRpt } from './issue-rpt.js';
import type { RequiredClaim } from './policy/types.js';
import type { Resource } from './protection/resource.js';
import type { SpentTicket, Tickets } from './protection/tickets.js';
import type { GrantContext, GrantHandler } from './provider.js';
import type { Reassessment } from './reassessment.js';
import { readProof, readUmaRequest, type UmaRequest } from './token-request.js';

/** Announced in uma_profiles_supported: every set of claims that would do, beside `required_claims`. */
export const ALTERNATIVES_EXTENSION = 'urn:ovsb:uma:alternatives';

export interface UmaGrantParts extends GatherParts, AssessParts, IssueParts {
  readonly issuer: string;
  readonly tickets: Tickets;
  readonly reassessment: Reassessment;
  readonly proofs: DpopProofs;
  readonly intervalSeconds: number;
  /** There are claims pages to send people to. */
  readonly interactive: boolean;
}

export function umaGrant(parts: UmaGrantParts): GrantHandler {
  return async (ctx) => {
    const request = await readRequest(parts, ctx);
    const ticket = await consumeTicket(parts, request);
    const resources = await ticketResources(parts, ticket);
    const gathered = await gatherClaims(parts, request, ticket);
    const policySet = parts.assessor.policySet(ticket.owner);
    const assessed = await assess(parts, request, ticket, resources, gathered.claims);
    const permissions = await decide(parts, request, ticket, gathered, assessed);
    ctx.body = await issueRpt(parts, request, ticket, gathered, { ...assessed, policySet }, permissions);
    parts.reassessment.startUnless(policySet, ticket.owner);
  };
}

async function readRequest(parts: UmaGrantParts, ctx: GrantContext): Promise<UmaRequest> {
  const request = readUmaRequest(ctx);
  const thumbprint = await readProof(ctx, parts.proofs, parts.issuer);
  return thumbprint === undefined ? request : { ...request, thumbprint };
}

/** From here on the ticket is spent, whatever comes of it (M). */
async function consumeTicket(parts: UmaGrantParts, request: UmaRequest): Promise<SpentTicket> {
  const ticket = await parts.tickets.consume(request.ticket, request.client.id);
  if (ticket === undefined) throw invalidGrant('the ticket is unknown, expired or was used before');
  return ticket;
}

/** The ticket's resources. One that is gone has ended its tickets. */
async function ticketResources(parts: UmaGrantParts, ticket: SpentTicket): Promise<Map<string, Resource>> {
  const resources = await parts.resources.byIds(ticket.permissions.map(({ resourceId }) => resourceId));
  if (ticket.permissions.some(({ resourceId }) => !resources.has(resourceId))) {
    throw invalidGrant('a resource of the ticket is gone');
  }
  return resources;
}

/** The permissions to grant; every other end is an error, with a new ticket where the party can go on. */
async function decide(
  parts: UmaGrantParts,
  request: UmaRequest,
  ticket: SpentTicket,
  gathered: Gathered,
  { conclusion }: Assessed,
): Promise<readonly Permission[]> {
  const next = () => parts.tickets.create({ ...ticket, gathered: gathered.claims });
  if (gathered.rejected !== undefined || conclusion.kind === 'need_info') {
    throw new UmaGrantError(403, 'need_info', whatIsMissing(gathered), {
      ticket: await next(),
      ...neededInfo(parts, request, conclusion),
    });
  }
  if (conclusion.kind === 'denied') throw new UmaGrantError(403, 'request_denied', conclusion.reason);
  if (conclusion.kind === 'owner_approval') {
    const reason = conclusion.waiting[0]?.assessment.reason ?? 'the owner decides';
    throw new UmaGrantError(403, 'request_submitted', `waits for the owner's approval: ${reason}`, {
      ticket: await next(),
      interval: parts.intervalSeconds,
    });
  }
  return conclusion.permissions;
}

function whatIsMissing({ rejected, setAside }: Gathered): string {
  const missing = 'claims that the policies ask for are missing';
  return rejected?.description ?? (setAside === undefined ? missing : `${missing}; ${setAside}`);
}

function neededInfo(parts: UmaGrantParts, request: UmaRequest, conclusion: Conclusion): Record<string, unknown> {
  const known = conclusion.kind === 'need_info' ? conclusion : { requiredClaims: [], alternatives: [] };
  const requiredClaims = known.requiredClaims.length > 0 ? known.requiredClaims : [anyAccount(parts.claims.formats)];
  return {
    required_claims: requiredClaims,
    ...(known.alternatives.length > 1 && { [ALTERNATIVES_EXTENSION]: known.alternatives }),
    ...(parts.interactive &&
      request.client.claimsRedirectUris.length > 0 && { redirect_user: `${parts.issuer}/claims` }),
  };
}

/** Asked for when a claim token was rejected and the policies name no claim themselves. */
function anyAccount(formats: readonly string[]): RequiredClaim {
  return {
    name: 'eth_address',
    friendly_name: 'Ethereum account (Sign-In with Ethereum)',
    claim_token_format: formats.slice(0, 1),
  };
}
