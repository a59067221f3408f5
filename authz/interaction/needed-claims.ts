import { askerOf } from '../asker.js';
import type { Assessor } from '../assessor.js';
import { conclude, type Verdict } from '../authorization-assessment.js';
import { NO_CLAIMS } from '../gathered-claims.js';
import type { Resource } from '../protection/resource.js';
import type { SpentTicket } from '../protection/tickets.js';

/**
 * Why the party is asked: what the policies still lack, in people's words; each list is one way to satisfy them.
 * Empty when no proof is missing.
 */
export async function neededClaims(
  parts: { readonly assessor: Assessor; readonly operatorId: string },
  clientId: string,
  { permissions, gathered }: SpentTicket,
  resources: ReadonlyMap<string, Resource>,
): Promise<readonly (readonly string[])[]> {
  const asker = askerOf(parts, clientId, gathered ?? NO_CLAIMS);
  const verdicts: Verdict[] = [];
  for (const { resourceId, scopes } of permissions) {
    const resource = resources.get(resourceId);
    if (resource === undefined) continue;
    const answers = await parts.assessor.preview(asker, resource, scopes);
    answers.forEach((assessment, index) => {
      verdicts.push({ resourceId, scope: scopes[index] ?? '', required: true, assessment });
    });
  }
  const conclusion = conclude(verdicts);
  if (conclusion.kind !== 'need_info') return [];
  const ways = conclusion.alternatives.length > 0 ? conclusion.alternatives : [conclusion.requiredClaims];
  return ways.map((claims) => claims.map(({ friendly_name: friendly, name }) => friendly ?? name));
}
