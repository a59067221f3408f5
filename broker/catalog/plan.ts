/** A plan of the catalog in the broker's own words: what provisioning needs and what platforms are shown. */
import type { ResourceDescription } from '../../authz/index.js';
import type { Pair } from '../../src/fleet/index.js';
import type { RpcGroup, RpcLimits } from '../../src/gateway/endpoint.js';
import type { CatalogDocument, Kind, PlanEntry, ServiceEntry } from './document.js';
import { derivedIds } from './ids.js';
import { type ParameterSchemas, parameterSchemas } from './parameter-schemas.js';

const DEFAULT_KEYS_PER_INSTANCE = 1024;

export interface Plan {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
  readonly serviceName: string;
  /** `validator-nimbus/geth`: the plan's key as an authz resource and in the CLI. */
  readonly key: string;
  /** "Nimbus with Geth": what people see on a consent page. */
  readonly title: string;
  readonly kind: Kind;
  /** One for a validator plan, several for a bundle, none otherwise. */
  readonly members: readonly Pair[];
  readonly groups: readonly RpcGroup[];
  readonly limits?: RpcLimits;
  readonly binding?: { readonly lifetimeSeconds: number; readonly renewBeforeSeconds: number };
  readonly bindable: boolean;
  readonly updateable: boolean;
  readonly rotatable: boolean;
  readonly maximumPollingSeconds: number;
  readonly maintenance: { readonly version: string; readonly description: string };
  readonly schemas: ParameterSchemas;
  readonly entry: PlanEntry;
}

export interface Offering {
  readonly id: string;
  readonly name: string;
  readonly kind: Kind;
  readonly entry: ServiceEntry;
  readonly plans: readonly Plan[];
}

export function offeringsOf(document: CatalogDocument): Offering[] {
  return document.services.map((service) => ({
    id: derivedIds(document, service).service,
    name: service.name,
    kind: service.kind,
    entry: service,
    plans: service.plans.map((plan) => planOf(document, service, plan)),
  }));
}

function planOf(document: CatalogDocument, service: ServiceEntry, entry: PlanEntry): Plan {
  const ids = derivedIds(document, service);
  const { kind } = service;
  return {
    id: ids.plan(entry),
    name: entry.name,
    serviceId: ids.service,
    serviceName: service.name,
    key: `${service.name}/${entry.name}`,
    title: titleOf(document, service, entry),
    kind,
    members: membersOf(service, entry),
    groups: entry.groups ?? [],
    ...(entry.limits ? { limits: entry.limits } : {}),
    ...(entry.binding
      ? {
          binding: {
            lifetimeSeconds: entry.binding.lifetime_seconds,
            renewBeforeSeconds: entry.binding.renew_before_seconds,
          },
        }
      : {}),
    bindable: kind !== 'middleware',
    updateable: kind === 'validator',
    rotatable: kind === 'rpc',
    maximumPollingSeconds: entry.maximum_polling_seconds,
    maintenance: entry.maintenance,
    schemas: parameterSchemas(kind, entry.keys_per_instance ?? DEFAULT_KEYS_PER_INSTANCE),
    entry,
  };
}

function membersOf(service: ServiceEntry, plan: PlanEntry): Pair[] {
  if (plan.members) return plan.members.map(({ consensus, execution }) => ({ consensus, execution }));
  if (service.consensus && plan.execution) return [{ consensus: service.consensus, execution: plan.execution }];
  return [];
}

function titleOf(document: CatalogDocument, service: ServiceEntry, plan: PlanEntry): string {
  const consensus = service.consensus ? document.clients.consensus[service.consensus]?.title : undefined;
  const execution = plan.execution ? document.clients.execution[plan.execution]?.title : undefined;
  return consensus && execution ? `${consensus} with ${execution}` : `${service.title}, ${plan.name}`;
}

/** The plan as the authorization server knows it: who may create an instance of it is decided over these facts. */
export function planResource(plan: Plan): ResourceDescription {
  const [first] = plan.members;
  const single = plan.kind === 'validator' && first ? first : undefined;
  return {
    name: plan.title,
    type: 'plan',
    key: plan.key,
    scopes: ['instance:create'],
    attributes: {
      kind: plan.kind,
      service: plan.serviceName,
      plan: plan.name,
      implementations: [...new Set(plan.members.map((member) => member.consensus))],
      groups: [...plan.groups],
      ...(single ? { consensus: single.consensus, execution: single.execution } : {}),
      ...(plan.entry.region ? { region: plan.entry.region } : {}),
      ...(plan.entry.incentive_keys === undefined ? {} : { incentive_keys: plan.entry.incentive_keys }),
    },
  };
}
