import { type CedarValueJson, type EntityJson, isAuthorizedPartial, type PolicyJson } from './cedar.js';
import { type ClaimSet, claimAlternatives, claimNames, readsParty } from './claim-names.js';
import type { Policy } from './policy.js';
import type { Question } from './question.js';
import type { PolicySchema } from './schema.js';
import type { AssessRequest, RequiredClaim } from './types.js';

/** The claim that proves who a party is, where a policy reads the party and names no claim of its own. */
const IDENTITY_CLAIM = 'eth_address';

export interface MissingClaims {
  readonly required: readonly RequiredClaim[];
  readonly alternatives: readonly (readonly RequiredClaim[])[];
}

/**
 * Which further claims could turn a denial into a permit; undefined when none could.
 * Partial evaluation tells which policies are still alive; the names come off their syntax trees.
 * `satisfied`: keys of the policies whose conditions held with the claims at hand.
 */
export function missingClaims(
  request: AssessRequest,
  question: Question,
  slice: readonly Policy[],
  schema: PolicySchema,
  satisfied: ReadonlySet<string>,
): MissingClaims | undefined {
  const open = openPolicies(request, question, slice, schema, satisfied);
  if (open === undefined) return undefined;
  const supplied = new Set(Object.keys(request.claims));
  const unproven = partyIsUnproven(request);
  const always = slice.filter(
    (policy) => policy.effect === 'forbid' && (open.undecided.has(policy.key) || satisfied.has(policy.key)),
  );
  const needed = new Set(always.flatMap((policy) => [...without(claimNames(policy), supplied)]));
  const ways = slice
    .filter((policy) => policy.effect === 'permit' && (open.undecided.has(policy.key) || open.certain.has(policy.key)))
    .flatMap((policy) => waysOpen(policy, supplied, unproven, open.certain.has(policy.key)));
  if (ways.length === 0) return undefined;
  const sets = distinct(ways.map((way) => ({ ...way, claims: new Set([...needed, ...way.claims]) }))).filter(
    (way) => way.claims.size > 0,
  );
  const smallest = sets.reduce<Way | undefined>(
    (best, way) => (best === undefined || way.claims.size < best.claims.size ? way : best),
    undefined,
  );
  if (smallest === undefined) return undefined;
  const described = (way: Way) => [...way.claims].map((name) => requiredClaim(name, way.policy, always, schema));
  return { required: described(smallest), alternatives: sets.map(described) };
}

interface Way {
  readonly claims: ClaimSet;
  readonly policy: Policy;
}

/** Who a party is comes from its wallet; until one has spoken, whatever policies read of the party is open. */
function partyIsUnproven(request: AssessRequest): boolean {
  return request.principal.kind === 'party' && request.principal.address === undefined;
}

/** Which policies the claims still missing could decide; undefined when a forbid holds whatever is claimed. */
function openPolicies(
  request: AssessRequest,
  question: Question,
  slice: readonly Policy[],
  schema: PolicySchema,
  satisfied: ReadonlySet<string>,
) {
  const unproven = partyIsUnproven(request);
  const claims = { ...(question.context.claims as Record<string, CedarValueJson> | undefined) };
  for (const name of schema.claims.keys()) claims[name] ??= unknown(`claims.${name}`);
  const [party, ...others] = question.entities;
  if (party === undefined) return undefined;
  const answer = isAuthorizedPartial({
    principal: question.principal,
    action: question.action,
    resource: question.resource,
    context: { ...question.context, claims },
    entities: [unproven ? { ...party, attrs: openAttributes(party.attrs, schema) } : party, ...others],
    policies: { staticPolicies: Object.fromEntries(slice.map((policy) => [policy.key, forAnyone(policy, unproven)])) },
  });
  if (answer.type === 'failure') return undefined;
  const certain = new Set(answer.response.satisfied);
  if (slice.some((one) => one.effect === 'forbid' && certain.has(one.key) && satisfied.has(one.key))) return undefined;
  return { undecided: new Set(answer.response.nontrivialResiduals), certain };
}

/** A policy for a named party may yet be this one's. */
function forAnyone(policy: Policy, unproven: boolean): PolicyJson {
  const named = policy.ast.principal.op === '==' || policy.ast.principal.op === 'in';
  return unproven && named ? { ...policy.ast, principal: { op: 'All' } } : policy.ast;
}

function openAttributes(known: EntityJson['attrs'], schema: PolicySchema): EntityJson['attrs'] {
  const open = schema.attributesOf('Party').filter((name) => name !== 'kind');
  return { ...known, ...Object.fromEntries(open.map((name) => [name, unknown(`principal.${name}`)])) };
}

function unknown(name: string): CedarValueJson {
  return { __extn: { fn: 'unknown', arg: name } };
}

/** The ways left to satisfy one permit. `certain`: nothing in it is undecided, so an empty way is a way. */
function waysOpen(policy: Policy, supplied: ReadonlySet<string>, unproven: boolean, certain: boolean): Way[] {
  const identity = unproven && readsParty(policy) && !supplied.has(IDENTITY_CLAIM) ? [IDENTITY_CLAIM] : [];
  return claimAlternatives(policy)
    .map((way) => ({ claims: new Set([...identity, ...without(way, supplied)]), policy }))
    .filter((way) => certain || way.claims.size > 0);
}

function without(names: ClaimSet, supplied: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter((name) => !supplied.has(name)));
}

function distinct(ways: readonly Way[]): Way[] {
  const seen = new Map<string, Way>();
  for (const way of ways) {
    const key = [...way.claims].sort().join(' ');
    if (!seen.has(key)) seen.set(key, way);
  }
  return [...seen.values()];
}

/** An entry of `required_claims`: words and formats from the policy's annotations, else from the schema's. */
function requiredClaim(name: string, policy: Policy, always: readonly Policy[], schema: PolicySchema): RequiredClaim {
  const asking = claimNames(policy).has(name) ? policy : always.find((one) => claimNames(one).has(name));
  const declared = schema.claims.get(name)?.annotations ?? {};
  const read = (annotation: string) => asking?.annotations[annotation] ?? declared[annotation];
  const issuer = listOf(read('issuer'));
  const type = declared.claim_type;
  return {
    name,
    friendly_name: declared.friendly ?? name,
    claim_token_format: listOf(read('claim_format')),
    ...(type === undefined ? {} : { claim_type: type }),
    ...(issuer.length === 0 ? {} : { issuer }),
  };
}

/** Annotations hold one string; several values stand separated by blanks. */
function listOf(annotation: string | undefined): string[] {
  return (annotation ?? '').split(/\s+/).filter((word) => word !== '');
}
