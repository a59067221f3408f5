/** UMA Grant 3.3.4 as set arithmetic: what is asked, what was answered, what follows. Pure. */
import type { Permission } from './contract.js';
import type { Assessment, RequiredClaim } from './policy/types.js';

/** One resource of a ticket: the scopes that must be granted, and those granted when possible. */
export interface AskedPermission {
  readonly resourceId: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/**
 * RequestedScopes = TicketScopes ∪ (RegisteredScopes ∩ RequestedScopes), per resource (K4).
 * @param available scopes each resource has; @param registered the client's pre-registered scopes; @param requested `scope`.
 */
export function askedPermissions(
  ticket: readonly Permission[],
  available: ReadonlyMap<string, readonly string[]>,
  registered: readonly string[],
  requested: readonly string[],
): AskedPermission[] {
  return ticket.map(({ resourceId, scopes }) => {
    const has = available.get(resourceId) ?? [];
    const optional = requested.filter(
      (scope) => registered.includes(scope) && has.includes(scope) && !scopes.includes(scope),
    );
    return { resourceId, required: scopes, optional };
  });
}

/** Requested scopes that no resource of the ticket has: invalid_scope (UMA Grant 3.3.6). */
export function unavailableScopes(
  requested: readonly string[],
  available: ReadonlyMap<string, readonly string[]>,
): string[] {
  const known = new Set([...available.values()].flat());
  return requested.filter((scope) => !known.has(scope));
}

/**
 * Of `permissions`, the scopes their resources still have: an owner may have taken some away, or withdrawn the resource.
 * @param available scopes of the resources that exist.
 */
export function livePermissions(
  permissions: readonly Permission[],
  available: ReadonlyMap<string, readonly string[]>,
): Permission[] {
  return permissions
    .map(({ resourceId, scopes }) => ({
      resourceId,
      scopes: scopes.filter((scope) => available.get(resourceId)?.includes(scope) === true),
    }))
    .filter(({ scopes }) => scopes.length > 0);
}

/** The policies' answer for one scope of one resource. */
export interface Verdict {
  readonly resourceId: string;
  readonly scope: string;
  readonly required: boolean;
  readonly assessment: Assessment;
}

export type Conclusion =
  | { readonly kind: 'granted'; readonly permissions: readonly Permission[] }
  | { readonly kind: 'denied'; readonly reason: string }
  | {
      readonly kind: 'need_info';
      readonly requiredClaims: readonly RequiredClaim[];
      readonly alternatives: readonly (readonly RequiredClaim[])[];
    }
  | { readonly kind: 'owner_approval'; readonly waiting: readonly Verdict[] };

/**
 * All ticket scopes or none (K6): one refused scope refuses, then one that lacks claims asks for them, then one that waits
 * for the owner waits. Scopes that only the client asked for are granted when permitted and left out silently otherwise.
 */
export function conclude(verdicts: readonly Verdict[]): Conclusion {
  const required = verdicts.filter((verdict) => verdict.required);
  const of = (outcome: Assessment['outcome']) => required.filter(({ assessment }) => assessment.outcome === outcome);
  const denied = of('deny')[0];
  if (denied !== undefined) return { kind: 'denied', reason: denied.assessment.reason };
  const unproved = of('need_info');
  if (unproved.length > 0) return needInfo(unproved);
  const waiting = of('owner_approval');
  if (waiting.length > 0) return { kind: 'owner_approval', waiting };
  const permissions = unite(
    verdicts
      .filter(({ assessment }) => assessment.outcome === 'permit')
      .map(({ resourceId, scope }) => ({ resourceId, scopes: [scope] })),
    [],
  );
  // K7: nothing asked that a policy permits is no permission at all.
  if (permissions.length === 0) return { kind: 'denied', reason: 'no policy permits anything that was asked' };
  return { kind: 'granted', permissions };
}

function needInfo(unproved: readonly Verdict[]): Conclusion {
  const requiredClaims = new Map<string, RequiredClaim>();
  for (const { assessment } of unproved) {
    for (const claim of assessment.requiredClaims ?? []) requiredClaims.set(claim.name, claim);
  }
  const alternatives = unproved.flatMap(({ assessment }) => assessment.alternatives ?? []);
  const distinct = new Map(
    alternatives.map((claims) => [
      claims
        .map(({ name }) => name)
        .sort()
        .join(' '),
      claims,
    ]),
  );
  return { kind: 'need_info', requiredClaims: [...requiredClaims.values()], alternatives: [...distinct.values()] };
}

/** Do these answers, one per scope of the permission, permit it, with what its owner has approved? */
export function stands(
  answers: readonly Assessment[],
  { resourceId, scopes }: Permission,
  approved: readonly Permission[],
): boolean {
  return answers.every(({ outcome }, index) => {
    const scope = { resourceId, scopes: scopes.slice(index, index + 1) };
    return outcome === 'permit' || (outcome === 'owner_approval' && covers(approved, [scope]));
  });
}

/** Every permission of both, scopes joined per resource, in order of first appearance. */
export function unite(first: readonly Permission[], second: readonly Permission[]): Permission[] {
  const scopes = new Map<string, Set<string>>();
  for (const permission of [...first, ...second]) {
    const known = scopes.get(permission.resourceId) ?? new Set<string>();
    for (const scope of permission.scopes) known.add(scope);
    scopes.set(permission.resourceId, known);
  }
  return [...scopes].map(([resourceId, set]) => ({ resourceId, scopes: [...set] }));
}

/** What both permit. */
export function both(first: readonly Permission[], second: readonly Permission[]): Permission[] {
  return livePermissions(first, new Map(second.map(({ resourceId, scopes }) => [resourceId, scopes])));
}

/** Does `held` contain every scope of every wanted permission? */
export function covers(held: readonly Permission[], wanted: readonly Permission[]): boolean {
  return wanted.every(({ resourceId, scopes }) => {
    const permission = held.find((candidate) => candidate.resourceId === resourceId);
    return permission !== undefined && scopes.every((scope) => permission.scopes.includes(scope));
  });
}
