import type { ProtectionApi } from '../authz/index.js';
import type { Catalog } from './catalog/catalog.js';
import { type Plan, planResource } from './catalog/plan.js';
import { OsbError } from './errors.js';

/** Ids of the broker's standing resources at the authorization server. */
export interface Resources {
  catalog(): string;
  broker(): string;
  plan(plan: Plan): string;
  /** Registers what is missing and brings attributes up to date; plans keep their ids by their keys. */
  refresh(): Promise<void>;
  /** Whether every plan of the catalog in force is registered. */
  complete(): boolean;
}

export function createResources(protection: ProtectionApi, catalog: Catalog): Resources {
  const ids = new Map<string, string>();
  const idOf = (name: string) => {
    const id = ids.get(name);
    if (id === undefined) throw new OsbError('ServiceUnavailable', `${name} is not registered yet: try again`);
    return id;
  };
  return {
    catalog: () => idOf('catalog'),
    broker: () => idOf('broker'),
    plan: (plan) => idOf(`plan ${plan.key}`),
    complete: () => ids.has('broker') && catalog.plans().every((plan) => ids.has(`plan ${plan.key}`)),
    async refresh() {
      const standing = [
        { name: 'Catalog of services', type: 'catalog', key: 'catalog', scopes: ['read'], attributes: {} },
        { name: 'The broker', type: 'broker', key: 'broker', scopes: ['instance:create', 'read'], attributes: {} },
      ];
      for (const description of standing) ids.set(description.type, await protection.ensure(description));
      for (const plan of catalog.plans()) ids.set(`plan ${plan.key}`, await protection.ensure(planResource(plan)));
    },
  };
}
