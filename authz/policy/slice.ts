import { NAMESPACE } from './cedar.js';
import { type Moment, momentsRead } from './moments.js';
import type { Policy } from './policy.js';

/** What a decision's policies are chosen by. */
export interface SliceKey {
  readonly owner?: string;
  readonly principalId: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string;
}

/** Policies by (owner, action, resource type). */
interface Place {
  readonly policies: readonly number[];
  readonly moments: ReadonlySet<Moment>;
}

interface Scope {
  readonly principalId?: string;
  readonly actions?: ReadonlySet<string>;
  readonly resourceType?: string;
  readonly resourceId?: string;
}

/**
 * The policies whose scope can match, so that a decision's cost does not grow with the set: found by (action, resource type),
 * then narrowed by named principal and resource. A policy without a scope of its own — a general forbid — is in every slice.
 */
export class Slices {
  readonly #byPlace = new Map<string, Place>();
  readonly #scopes: readonly Scope[];

  constructor(
    readonly policies: readonly Policy[],
    actionGroups: ReadonlySet<string>,
  ) {
    this.#scopes = policies.map((policy) => scopeOf(policy, actionGroups));
  }

  /** Indexes into `policies`, ascending. Without `principalId`: for whoever the party may turn out to be. */
  of(key: Omit<SliceKey, 'principalId'> & { readonly principalId?: string }): readonly number[] {
    return this.#place(key).policies.filter((index) => {
      const scope = this.#scopes[index] as Scope;
      return (
        (key.principalId === undefined || scope.principalId === undefined || scope.principalId === key.principalId) &&
        (scope.resourceId === undefined || scope.resourceId === key.resourceId)
      );
    });
  }

  /** What of the moment any policy reads that could be asked. */
  momentsRead(key: SliceKey): ReadonlySet<Moment> {
    return this.#place(key).moments;
  }

  #place(key: Omit<SliceKey, 'principalId'>): Place {
    const place = JSON.stringify([key.owner ?? null, key.action, key.resourceType]);
    let found = this.#byPlace.get(place);
    if (found === undefined) {
      const policies = this.policies.flatMap((policy, index) => {
        const scope = this.#scopes[index] as Scope;
        const matches =
          rules(policy, scope, key.owner) &&
          (scope.actions === undefined || scope.actions.has(key.action)) &&
          (scope.resourceType === undefined || scope.resourceType === key.resourceType);
        return matches ? [index] : [];
      });
      const read = policies.flatMap((index) => [...momentsRead((this.policies[index] as Policy).ast)]);
      found = { policies, moments: new Set(read) };
      if (this.#byPlace.size >= MAX_PLACES) this.#byPlace.clear();
      this.#byPlace.set(place, found);
    }
    return found;
  }
}

/** Owners are clients that register themselves: their number is not ours to trust. */
const MAX_PLACES = 10_000;

/**
 * Whose resources a policy rules (security.md B3). An owner's own policies rule that owner's resources only. The operator's
 * rule the operator's; on a second owner's they can forbid, and permit only where they name `OVSB::Resource`.
 */
function rules(policy: Policy, scope: Scope, owner: string | undefined): boolean {
  if (policy.owner !== undefined) return policy.owner === owner;
  return owner === undefined || policy.effect === 'forbid' || scope.resourceType === 'Resource';
}

function scopeOf(policy: Policy, actionGroups: ReadonlySet<string>): Scope {
  const { principal, action, resource } = policy.ast;
  const named = principal.op === '==' && 'entity' in principal ? uid(principal.entity) : undefined;
  const actions = action.op === 'All' ? undefined : actionIds(action);
  return {
    ...(named === undefined ? {} : { principalId: named.id }),
    ...(actions === undefined || actions.some((id) => actionGroups.has(id)) ? {} : { actions: new Set(actions) }),
    ...resourceScope(resource),
  };
}

function actionIds(action: Exclude<Policy['ast']['action'], { op: 'All' }>): string[] {
  if ('entities' in action) return action.entities.map((entity) => uid(entity).id);
  return 'entity' in action ? [uid(action.entity).id] : [];
}

/** `in` reaches entities below the named one, so only `==` and `is` narrow. */
function resourceScope(resource: Policy['ast']['resource']): Pick<Scope, 'resourceType' | 'resourceId'> {
  if (resource.op === '==' && 'entity' in resource) {
    const { type, id } = uid(resource.entity);
    return { resourceType: withoutNamespace(type), resourceId: id };
  }
  return resource.op === 'is' ? { resourceType: withoutNamespace(resource.entity_type) } : {};
}

function uid(entity: { type: string; id: string } | { __entity: { type: string; id: string } }) {
  return '__entity' in entity ? entity.__entity : entity;
}

function withoutNamespace(type: string): string {
  return type.replace(`${NAMESPACE}::`, '');
}
