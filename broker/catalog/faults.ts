/** What schemas cannot say of a catalog document: duplicates, dangling clients, illegal pairs, each with its place. */
import type { CatalogDocument, Kind, PlanEntry, ServiceEntry } from './document.js';
import { derivedIds } from './ids.js';

/** A fault and where it stands, as a path of keys and indexes into the document. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const NEEDED: Record<Kind, { service: readonly (keyof ServiceEntry)[]; plan: readonly (keyof PlanEntry)[] }> = {
  validator: { service: ['consensus'], plan: ['execution', 'engine_api'] },
  bundle: { service: [], plan: ['members', 'engine_api'] },
  rpc: { service: [], plan: ['groups', 'limits', 'binding'] },
  middleware: { service: ['middleware'], plan: [] },
};

/** Every fault of a document that already has the right shape. */
export function faultsOf(document: CatalogDocument): Fault[] {
  return [
    ...duplicates(document),
    ...document.services.flatMap((service, index) => serviceFaults(document, service, ['services', index])),
  ];
}

function duplicates(document: CatalogDocument): Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  const ids = new Set<string>();
  const seen = (set: Set<string>, value: string, path: Fault['path'], what: string) => {
    if (set.has(value)) faults.push({ path, message: `${what} "${value}" stands here a second time` });
    set.add(value);
  };
  document.services.forEach((service, s) => {
    seen(names, service.name, ['services', s, 'name'], 'service name');
    seen(ids, derivedIds(document, service).service, ['services', s, service.id ? 'id' : 'name'], 'id');
    const plans = new Set<string>();
    service.plans.forEach((plan, p) => {
      const path = ['services', s, 'plans', p];
      seen(plans, plan.name, [...path, 'name'], 'plan name');
      seen(ids, derivedIds(document, service).plan(plan), [...path, plan.id ? 'id' : 'name'], 'id');
    });
  });
  return faults;
}

function serviceFaults(document: CatalogDocument, service: ServiceEntry, at: Fault['path']): Fault[] {
  const needed = NEEDED[service.kind];
  const faults: Fault[] = needed.service
    .filter((field) => service[field] === undefined)
    .map((field) => ({ path: at, message: `a ${service.kind} service needs ${field}` }));
  if (service.consensus !== undefined && !document.clients.consensus[service.consensus])
    faults.push({ path: [...at, 'consensus'], message: `no consensus client "${service.consensus}" under clients` });
  service.plans.forEach((plan, index) => {
    const path = [...at, 'plans', index];
    for (const field of needed.plan)
      if (plan[field] === undefined) faults.push({ path, message: `a ${service.kind} plan needs ${field}` });
    faults.push(...planFaults(document, service, plan, path));
  });
  return faults;
}

function planFaults(document: CatalogDocument, service: ServiceEntry, plan: PlanEntry, at: Fault['path']): Fault[] {
  const faults: Fault[] = [];
  const engineApi = plan.engine_api;
  if (plan.execution !== undefined && service.consensus !== undefined)
    faults.push(...pairFaults(document, service.consensus, plan.execution, engineApi, [...at, 'execution']));
  plan.members?.forEach((member, index) => {
    const path = [...at, 'members', index];
    if (!document.clients.consensus[member.consensus])
      faults.push({ path: [...path, 'consensus'], message: `no consensus client "${member.consensus}" under clients` });
    else faults.push(...pairFaults(document, member.consensus, member.execution, engineApi, [...path, 'execution']));
    const twice = plan.members?.findIndex((other) => pairName(other) === pairName(member)) !== index;
    if (twice) faults.push({ path, message: `member ${pairName(member)} stands here a second time` });
  });
  if (plan.incentive_keys !== undefined && service.kind !== 'validator' && service.kind !== 'bundle')
    faults.push({ path: [...at, 'incentive_keys'], message: `a ${service.kind} plan has no keys to count` });
  if (plan.binding && plan.binding.renew_before_seconds >= plan.binding.lifetime_seconds)
    faults.push({ path: [...at, 'binding', 'renew_before_seconds'], message: 'must be less than lifetime_seconds' });
  for (const [name, probe] of Object.entries(plan.probes ?? {}))
    if (probe.check_interval_sec <= probe.timeout_sec)
      faults.push({ path: [...at, 'probes', name, 'check_interval_sec'], message: 'must be above timeout_sec' });
  return faults;
}

const pairName = (pair: { consensus: string; execution: string }) => `${pair.consensus}/${pair.execution}`;

/** A pair is legal when both clients exist and speak the plan's Engine API version to one another. */
function pairFaults(
  document: CatalogDocument,
  consensus: string,
  execution: string,
  engineApi: string | undefined,
  path: Fault['path'],
): Fault[] {
  const behind = document.clients.execution[execution];
  if (!behind) return [{ path, message: `no execution client "${execution}" under clients` }];
  const front = document.clients.consensus[consensus];
  if (!front || engineApi === undefined) return [];
  return [
    { name: consensus, entry: front },
    { name: execution, entry: behind },
  ]
    .filter(({ entry }) => !entry.engine_api.includes(engineApi))
    .map(({ name, entry }) => ({
      path,
      message: `illegal pair ${consensus}/${execution}: ${name} ${entry.version} does not speak Engine API ${engineApi}`,
    }));
}
