/** The UMA grant (UMA Grant 3.3) as steps: consumeTicket, gatherClaims, assess, decide, issueRpt. */
import type { DataSource } from 'typeorm';
import type { Asker, Assessor } from './assessor.js';
import {
  askedPermissions,
  type Conclusion,
  conclude,
  unavailableScopes,
  unite,
  type Verdict,
} from './authorization-assessment.js';
import type { Permission } from './contract.js';
import type { DpopProofs } from './dpop.js';
import { invalidGrant, UmaGrantError } from './errors.js';
import { addClaims, type GatheredClaims, mergeClaims, NO_CLAIMS } from './gathered-claims.js';
import type { Grants } from './grants.js';
import type { Pcts } from './pct.js';
import type { ClaimVerifier, RequiredClaim } from './policy/types.js';
import type { Resource } from './protection/resource.js';
import type { Resources } from './protection/resources.js';
import type { SpentTicket, Tickets } from './protection/tickets.js';
import type { GrantContext, GrantHandler } from './provider.js';
import type { Reassessment } from './reassessment.js';
import type { ApprovalQueue } from './requests/approval-queue.js';
import type { LiveRpt, Rpts } from './rpt.js';
import { readProof, readUmaRequest, type UmaRequest } from './token-request.js';
import type { TokenResponse } from './token-response.js';
import { tokenResponse } from './token-response.js';

/** Announced in uma_profiles_supported: every set of claims that would do, beside `required_claims`. */
export const ALTERNATIVES_EXTENSION = 'urn:ovsb:uma:alternatives';

export interface UmaGrantParts {
  readonly dataSource: DataSource;
  readonly issuer: string;
  readonly operatorId: string;
  readonly tickets: Tickets;
  readonly resources: Resources;
  readonly claims: ClaimVerifier;
  readonly pcts: Pcts;
  readonly assessor: Assessor;
  readonly queue: ApprovalQueue;
  readonly grants: Grants;
  readonly rpts: Rpts;
  readonly reassessment: Reassessment;
  readonly proofs: DpopProofs;
  readonly nowMs: () => number;
  readonly intervalSeconds: number;
  /** There are claims pages to send people to. */
  readonly interactive: boolean;
  readonly rptLifetimeSeconds: number;
}

/** What a claim token that was not accepted means for the request. */
interface Rejection {
  readonly description: string;
}

interface Gathered {
  readonly claims: GatheredClaims;
  /** Something new was proved in this exchange of tickets, and may be kept in a PCT. */
  readonly fresh: boolean;
  readonly rejected?: Rejection;
}

interface Assessed {
  readonly asker: Asker;
  readonly conclusion: Conclusion;
  readonly approved: boolean;
}

export function umaGrant(parts: UmaGrantParts): GrantHandler {
  return async (ctx) => {
    const request = await readRequest(parts, ctx);
    const ticket = await consumeTicket(parts, request);
    const resources = await ticketResources(parts, ticket);
    const gathered = await gatherClaims(parts, request, ticket);
    const policySet = parts.assessor.policySet();
    const assessed = await assess(parts, request, ticket, resources, gathered.claims);
    const permissions = await decide(parts, request, ticket, gathered, assessed);
    ctx.body = await issueRpt(parts, request, ticket, gathered, { ...assessed, policySet }, permissions);
    parts.reassessment.startUnless(policySet);
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

/** PCT, then what earlier tickets brought, then the claim token; claims of different parties never mix. */
async function gatherClaims(parts: UmaGrantParts, request: UmaRequest, ticket: SpentTicket): Promise<Gathered> {
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

async function assess(
  parts: UmaGrantParts,
  request: UmaRequest,
  ticket: SpentTicket,
  resources: ReadonlyMap<string, Resource>,
  claims: GatheredClaims,
): Promise<Assessed> {
  const available = new Map([...resources].map(([id, resource]) => [id, resource.scopes]));
  const unavailable = unavailableScopes(request.scopes, available);
  if (unavailable.length > 0) throw new UmaGrantError(400, 'invalid_scope', `no such scope: ${unavailable.join(' ')}`);
  const asker = askerOf(parts, request.client.id, claims);
  const verdicts: Verdict[] = [];
  for (const asked of askedPermissions(
    ticket.permissions,
    available,
    request.client.registeredScopes,
    request.scopes,
  )) {
    const resource = resources.get(asked.resourceId);
    if (resource === undefined) throw new Error('assessed a resource that was not loaded');
    const scopes = [...asked.required, ...asked.optional];
    const answers = await parts.assessor.assess(asker, resource, scopes, { occasion: 'token' });
    answers.forEach((assessment, index) => {
      const scope = scopes[index];
      if (scope !== undefined) {
        verdicts.push({ resourceId: resource.id, scope, required: index < asked.required.length, assessment });
      }
    });
  }
  return { asker, ...(await withApprovals(parts, request, resources, asker, verdicts)) };
}

/** Asks the owner about what the policies leave to the owner; an approval turns a verdict into a permit. */
async function withApprovals(
  parts: UmaGrantParts,
  request: UmaRequest,
  resources: ReadonlyMap<string, Resource>,
  asker: Asker,
  verdicts: readonly Verdict[],
): Promise<Omit<Assessed, 'asker'>> {
  const first = conclude(verdicts);
  if (first.kind !== 'owner_approval') return { conclusion: first, approved: false };
  const settled = new Map<Verdict, Verdict>();
  for (const verdict of first.waiting) {
    const resource = resources.get(verdict.resourceId);
    if (resource === undefined) throw new Error('assessed a resource that was not loaded');
    const { reason, policies } = verdict.assessment;
    const standing = await parts.queue.ask({
      party: asker.party,
      clientId: request.client.id,
      resource,
      scopes: [verdict.scope],
      reason,
      policies,
    });
    if (standing.state === 'approved')
      settled.set(verdict, { ...verdict, assessment: { outcome: 'permit', reason, policies } });
    if (standing.state === 'denied') {
      const because = standing.reason === undefined ? '' : `: ${standing.reason}`;
      return { conclusion: { kind: 'denied', reason: `the owner refused${because}` }, approved: false };
    }
  }
  const conclusion = conclude(verdicts.map((verdict) => settled.get(verdict) ?? verdict));
  return { conclusion, approved: conclusion.kind === 'granted' };
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
    const description = gathered.rejected?.description ?? 'claims that the policies ask for are missing';
    throw new UmaGrantError(403, 'need_info', description, {
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

async function issueRpt(
  parts: UmaGrantParts,
  request: UmaRequest,
  ticket: SpentTicket,
  gathered: Gathered,
  assessed: Assessed & { readonly policySet: string },
  permissions: readonly Permission[],
): Promise<TokenResponse> {
  const old = await upgradable(parts, request, ticket, assessed.asker);
  return parts.dataSource.transaction(async (manager) => {
    const upgraded = old !== undefined && (await parts.grants.revokeRpt(old.jti, manager));
    const all = upgraded ? unite(old.permissions, permissions) : permissions;
    await parts.resources.hold(
      all.map(({ resourceId }) => resourceId),
      manager,
    );
    const facts = {
      owner: ticket.owner,
      clientId: request.client.id,
      kind: assessed.asker.kind === 'operator' ? ('operator' as const) : ('party' as const),
      gathered: gathered.claims,
      permissions: all,
      approved: assessed.approved,
      policySet: assessed.policySet,
    };
    const grantId = upgraded ? old.grantId : await parts.grants.create(facts, manager);
    if (upgraded) await parts.grants.update(grantId, facts, manager);
    const keep = gathered.fresh && gathered.claims.party !== undefined && gathered.claims.persist !== false;
    return tokenResponse(parts, { ...facts, grantId, party: assessed.asker.party, upgraded }, request, manager, keep);
  });
}

/**
 * The RPT this request upgrades (UMA Grant 3.3.5): this client's and this party's, of the same resource server
 * (security.md B3), and only when today's policies still permit all it holds.
 */
async function upgradable(
  parts: UmaGrantParts,
  request: UmaRequest,
  ticket: SpentTicket,
  asker: Asker,
): Promise<LiveRpt | undefined> {
  const old = request.rpt === undefined ? undefined : await parts.rpts.findExpired(request.rpt);
  if (
    old === undefined ||
    old.clientId !== request.client.id ||
    old.owner !== ticket.owner ||
    old.party !== asker.party
  ) {
    return undefined;
  }
  const resources = await parts.resources.byIds(old.permissions.map(({ resourceId }) => resourceId));
  for (const { resourceId, scopes } of old.permissions) {
    const resource = resources.get(resourceId);
    if (resource === undefined) return undefined;
    const answers = await parts.assessor.assess(asker, resource, scopes, { occasion: 'token' });
    if (answers.some(({ outcome }) => outcome !== 'permit' && outcome !== 'owner_approval')) return undefined;
  }
  return old;
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
