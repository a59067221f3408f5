/** The catalog as OSB 2.17 shows it (broker.md 8-11). */
import type { CatalogDocument } from './document.js';
import type { Offering, Plan } from './plan.js';

export function presentOffering(document: CatalogDocument, offering: Offering, plans: readonly Plan[]) {
  return {
    id: offering.id,
    name: offering.name,
    description: offering.entry.description,
    tags: offering.entry.tags,
    bindable: plans.some((plan) => plan.bindable),
    instances_retrievable: true,
    bindings_retrievable: true,
    allow_context_updates: false,
    plan_updateable: plans.some((plan) => plan.updateable),
    metadata: {
      displayName: offering.entry.title,
      longDescription: offering.entry.description,
      providerDisplayName: 'Open Validator Service Broker',
    },
    plans: plans.map((plan) => presentPlan(document, offering, plan)),
  };
}

function presentPlan(document: CatalogDocument, offering: Offering, plan: Plan) {
  const { create, update, bind } = plan.schemas;
  return {
    id: plan.id,
    name: plan.name,
    description: plan.entry.description,
    free: plan.entry.free ?? true,
    bindable: plan.bindable,
    binding_rotatable: plan.rotatable,
    plan_updateable: plan.updateable,
    maximum_polling_duration: plan.maximumPollingSeconds,
    maintenance_info: plan.maintenance,
    schemas: {
      service_instance: { create: { parameters: create }, update: { parameters: update } },
      ...(bind ? { service_binding: { create: { parameters: bind } } } : {}),
    },
    metadata: { displayName: plan.title, ovsb: presentOvsb(document, offering, plan) },
  };
}

/** product.md, Catalog: `metadata.ovsb`. */
function presentOvsb(document: CatalogDocument, offering: Offering, plan: Plan) {
  const { entry } = plan;
  const [first] = plan.members;
  const version = (layer: 'consensus' | 'execution', name: string) => ({
    name,
    version: document.clients[layer][name]?.version,
  });
  return {
    kind: plan.kind,
    ...(plan.kind === 'validator' && first
      ? { consensus: version('consensus', first.consensus), execution: version('execution', first.execution) }
      : {}),
    ...(plan.kind === 'bundle' ? { members: plan.members } : {}),
    ...(entry.engine_api ? { engine_api: entry.engine_api } : {}),
    ...(offering.entry.middleware ? { middleware: offering.entry.middleware } : {}),
    ...(plan.groups.length > 0 ? { groups: plan.groups, limits: plan.limits } : {}),
    ...(entry.region ? { region: entry.region } : {}),
    ...(entry.keys_per_instance ? { capacity: { keys_per_instance: entry.keys_per_instance } } : {}),
    ...(entry.incentive ? { incentive: entry.incentive } : {}),
    ...(entry.incentive_keys === undefined ? {} : { incentive_keys: entry.incentive_keys }),
    ...(entry.probes ? { probes: entry.probes } : {}),
  };
}
