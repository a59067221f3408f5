import { type Asker, askerOf } from './asker.js';
import type { Assessor } from './assessor.js';
import {
  askedPermissions,
  type Conclusion,
  conclude,
  covers,
  livePermissions,
  unavailableScopes,
  unite,
  type Verdict,
} from './authorization-assessment.js';
import type { Permission } from './contract.js';
import { UmaGrantError } from './errors.js';
import type { GatheredClaims } from './gathered-claims.js';
import type { Resource } from './protection/resource.js';
import type { SpentTicket } from './protection/tickets.js';
import { type ApprovalQueue, approvedBecause } from './requests/approval-queue.js';
import type { UmaRequest } from './token-request.js';

export interface AssessParts {
  readonly operatorId: string;
  readonly assessor: Assessor;
  readonly queue: ApprovalQueue;
}

export interface Assessed {
  readonly asker: Asker;
  readonly conclusion: Conclusion;
  /** What of it an owner approved because the policies left it to the owner. */
  readonly approved: readonly Permission[];
}

/** Asks the policies about each scope of the ticket and of the request (UMA Grant 3.3.4). @throws invalid_scope. */
export async function assess(
  parts: AssessParts,
  request: UmaRequest,
  ticket: SpentTicket,
  resources: ReadonlyMap<string, Resource>,
  claims: GatheredClaims,
): Promise<Assessed> {
  const available = new Map([...resources].map(([id, resource]) => [id, resource.scopes]));
  requireTicketScopes(ticket, available);
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

/**
 * UMA Grant 3.3.6 has `invalid_scope` for a scope that "does not match an available scope for any of the resources" of the
 * ticket. The ticket was good when it was made and asked for it, so the fault is the scope, not the ticket (`invalid_grant`):
 * a new ticket for the same permission would not help.
 */
function requireTicketScopes({ permissions }: SpentTicket, available: ReadonlyMap<string, readonly string[]>): void {
  const live = livePermissions(permissions, available);
  const asked = permissions.filter(({ scopes }) => scopes.length > 0);
  if (!covers(live, asked))
    throw new UmaGrantError(400, 'invalid_scope', 'a resource of the ticket has lost a scope it names');
}

/** Asks the owner about what the policies leave to the owner; an approval turns a verdict into a permit. */
async function withApprovals(
  parts: AssessParts,
  request: UmaRequest,
  resources: ReadonlyMap<string, Resource>,
  asker: Asker,
  verdicts: readonly Verdict[],
): Promise<Omit<Assessed, 'asker'>> {
  const first = conclude(verdicts);
  if (first.kind !== 'owner_approval') return { conclusion: first, approved: [] };
  const answer = await parts.queue.ask(
    first.waiting.map(({ resourceId, scope, assessment: { reason, policies } }) => {
      const resource = resources.get(resourceId);
      if (resource === undefined) throw new Error('assessed a resource that was not loaded');
      return { party: asker.party, clientId: request.client.id, resource, scopes: [scope], reason, policies };
    }),
  );
  if (answer.state === 'refused') return { conclusion: { kind: 'denied', reason: answer.reason }, approved: [] };
  const settled = new Map<Verdict, Verdict>();
  first.waiting.forEach((verdict, index) => {
    const approval = answer.approvals[index];
    const { policies } = verdict.assessment;
    const reason = approval === undefined ? '' : approvedBecause(approval, verdict.assessment);
    if (approval !== undefined)
      settled.set(verdict, { ...verdict, assessment: { outcome: 'permit', reason, policies } });
  });
  const conclusion = conclude(verdicts.map((verdict) => settled.get(verdict) ?? verdict));
  if (conclusion.kind !== 'granted') return { conclusion, approved: [] };
  for (const { resourceId, scope, assessment } of settled.values()) {
    const resource = resources.get(resourceId);
    if (resource !== undefined)
      await parts.assessor.recordApproval(asker, resource, scope, assessment, { occasion: 'token' });
  }
  const pairs = [...settled.values()].map(({ resourceId, scope }) => ({ resourceId, scopes: [scope] }));
  return { conclusion, approved: unite(pairs, []) };
}
