import { exposureOf } from '../exposure.js';
import type { Inventory } from '../inventory.js';
import type { Bound, Layer } from '../planner/model.js';
import type { Target } from './targets.js';

/** Spells out "*" for every name the inventory knows; a target for one name stands before "*". */
export function expandTargets(
  targets: readonly Target[],
  groups: Readonly<Record<string, readonly string[]>>,
  inventory: Inventory,
): Bound[] {
  const names = namesOf(inventory, Object.keys(groups));
  const named = new Set(targets.map((target) => `${target.layer} ${target.name}`));
  return targets.flatMap((target) =>
    (target.name === '*'
      ? names[target.layer].filter((name) => !named.has(`${target.layer} ${name}`))
      : [target.name]
    ).map(
      (name): Bound => ({
        layer: target.layer,
        name,
        ...(target.max !== undefined && { max: target.max }),
        ...(target.min !== undefined && { min: target.min }),
        ...(target.inner !== undefined && { inner: target.inner }),
        ...(target.layer === 'group' && { members: groups[name] ?? [] }),
      }),
    ),
  );
}

function namesOf(inventory: Inventory, groups: readonly string[]): Record<Layer, readonly string[]> {
  const parts = inventory.validatorClients.flatMap((client) => exposureOf(client, inventory));
  const unique = (names: readonly string[]) => [...new Set(names)].sort();
  return {
    consensus: unique(parts.map((part) => part.consensus)),
    execution: unique(parts.map((part) => part.execution)),
    pair: unique(parts.map((part) => `${part.consensus}/${part.execution}`)),
    group: groups,
    region: unique(inventory.sites.map((site) => site.region)),
    fault_domain: unique(inventory.sites.flatMap((site) => site.faultDomain ?? [])),
  };
}
