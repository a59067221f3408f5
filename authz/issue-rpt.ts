import type { DataSource } from 'typeorm';
import type { Asker } from './asker.js';
import type { Assessed } from './assess.js';
import type { Assessor } from './assessor.js';
import { both, stands, unite } from './authorization-assessment.js';
import type { Permission } from './contract.js';
import type { Gathered } from './gather-claims.js';
import { mayKeep } from './gathered-claims.js';
import type { Resources } from './protection/resources.js';
import type { SpentTicket } from './protection/tickets.js';
import type { LiveRpt } from './rpt.js';
import type { UmaRequest } from './token-request.js';
import { type ResponseParts, type TokenResponse, tokenResponse } from './token-response.js';

export interface IssueParts extends ResponseParts {
  readonly dataSource: DataSource;
  readonly resources: Resources;
  readonly assessor: Assessor;
}

/** Writes grant and RPT in one transaction, and ends the RPT that this one upgrades. */
export async function issueRpt(
  parts: IssueParts,
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
    await parts.resources.hold(all, manager);
    const before = upgraded ? both(await parts.grants.approvedOf(old.grantId, manager), old.permissions) : [];
    const facts = {
      owner: ticket.owner,
      clientId: request.client.id,
      kind: assessed.asker.kind === 'operator' ? ('operator' as const) : ('party' as const),
      gathered: gathered.claims,
      permissions: all,
      approved: unite(before, assessed.approved),
      policySet: assessed.policySet,
    };
    const grantId = upgraded ? old.grantId : await parts.grants.create(facts, manager);
    if (upgraded) await parts.grants.update(grantId, facts, manager);
    const keep = gathered.fresh && mayKeep(gathered.claims);
    return tokenResponse(parts, { ...facts, grantId, party: assessed.asker.party, upgraded }, request, manager, keep);
  });
}

/**
 * The RPT this request upgrades (UMA Grant 3.3.5): this client's and this party's, of the same resource server
 * (security.md B3), and only when today's policies still permit all it holds.
 */
async function upgradable(
  parts: IssueParts,
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
  const approved = await parts.grants.approvedOf(old.grantId);
  for (const { resourceId, scopes } of old.permissions) {
    const resource = resources.get(resourceId);
    if (resource === undefined) return undefined;
    const answers = await parts.assessor.assess(asker, resource, scopes, { occasion: 'token' });
    if (!stands(answers, { resourceId, scopes }, approved)) return undefined;
  }
  return old;
}
