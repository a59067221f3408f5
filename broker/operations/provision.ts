import type { EntityManager } from 'typeorm';
import type { ResourceDescription, Subject } from '../../authz/index.js';
import type { Plan } from '../catalog/plan.js';
import type { BrokerDeps } from '../deps.js';
import { badRequest, busy, OsbError } from '../errors.js';
import { sameJson } from '../json.js';
import { type KeptOrigin, originOf } from '../origin.js';
import { checkParameters, readParameters } from '../parameters.js';
import type { ProvisionBody } from '../schema.js';
import { type Parameters, ServiceInstance } from '../service-instance.js';
import { requirePlanVersion } from './maintenance.js';
import { requirePermit } from './permit.js';
import { exhume, findInstance, insertOperation, insertRow, lockId, runningOperation } from './rows.js';
import { requireOwnUpstream } from './upstream.js';
import { isOfFleet, regionOf, wishOf } from './wish.js';

export interface ProvisionRequest {
  readonly instanceId: string;
  readonly plan: Plan;
  readonly body: ProvisionBody;
  readonly acceptsIncomplete: boolean;
}

/** `created`: now, nothing to wait for; `exists`: it was there already; `accepted`: poll the operation. */
export type Provisioned =
  | { readonly outcome: 'created' | 'exists' }
  | { readonly outcome: 'accepted'; readonly operation: string };

/**
 * OSB 2.17, Provisioning. Of identical requests at once one creates and the others hear of the same operation; of
 * different ones, one wins.
 * @throws OsbError `BadRequest`, `Forbidden`, `Conflict`, `AsyncRequired`, `ConcurrencyError`; the fleet's DomainErrors.
 */
export function provision(deps: BrokerDeps, subject: Subject, request: ProvisionRequest): Promise<Provisioned> {
  const { plan, body, instanceId } = request;
  const parameters = body.parameters ?? {};
  checkParameters(plan.schemas.create, parameters);
  requireClaimedKey(subject, parameters);
  requirePlanVersion(plan, body.maintenance_info);
  return deps.serially(instanceId, async () => {
    const existing = await findInstance(deps.dataSource.manager, instanceId);
    if (existing) return repeated(deps.dataSource.manager, subject, request, existing);
    requireAsync(plan, request.acceptsIncomplete, 'creating');
    refuseWithdrawalAddress(parameters);
    await requirePermit(deps, subject, {
      instanceId,
      resourceId: deps.resources.plan(plan),
      scope: 'instance:create',
      parameters,
      origin: originOf(subject, body),
      ...(isOfFleet(plan.kind) ? { addedKeys: readParameters(parameters).keys } : {}),
    });
    return deps.dataSource.transaction(async (manager) => {
      await lockId(manager, 'instance', instanceId);
      const winner = await findInstance(manager, instanceId);
      return winner ? repeated(manager, subject, request, winner) : create(deps, manager, subject, request);
    });
  });
}

/** Requirement 14. */
export function requireAsync(plan: Plan, acceptsIncomplete: boolean, doing: string): void {
  if (plan.kind !== 'rpc' && !acceptsIncomplete)
    throw new OsbError('AsyncRequired', `${doing} an instance of this plan takes time: send accepts_incomplete=true`);
}

async function create(
  deps: BrokerDeps,
  manager: EntityManager,
  subject: Subject,
  request: ProvisionRequest,
): Promise<Provisioned> {
  const { instanceId, plan, body, acceptsIncomplete } = request;
  const parameters = body.parameters ?? {};
  const waits = plan.kind !== 'rpc' || acceptsIncomplete;
  const { platform, namespace } = originOf(subject, body);
  const kept = { platform: platform ?? null, namespace: namespace ?? null };
  const instance = manager.create(ServiceInstance, {
    id: instanceId,
    serviceId: plan.serviceId,
    planId: plan.id,
    planKey: plan.key,
    kind: plan.kind,
    organizationGuid: body.organization_guid,
    spaceGuid: body.space_guid,
    ...kept,
    parameters,
    state: waits ? 'provisioning' : 'ready',
    owner: subject.party,
    clientId: subject.clientId,
    subjectKind: subject.kind,
    address: subject.address ?? null,
    withdrawalCredentials: subject.withdrawalCredentials ?? null,
    encryptionPublicKey: subject.encryptionPublicKey ?? null,
    resourceId: await deps.protection.register(
      instanceResource(instanceId, { ...subject, ...kept, parameters }, plan),
      manager,
    ),
    maintenanceVersion: plan.maintenance.version,
  });
  await insertRow(manager, ServiceInstance, instance);
  await exhume(manager, instanceId);
  await requireOwnUpstream(manager, subject.party, parameters);
  if (isOfFleet(plan.kind)) await deps.fleet.request(wishOf(instance, plan, parameters), manager);
  const operation = await insertOperation(manager, {
    instanceId,
    kind: 'provision',
    description: waits ? `creating ${plan.title}` : `${plan.title} is ready`,
    ...(waits ? {} : { finishedAt: new Date(deps.clock.nowMs()) }),
  });
  deps.logger.info({ instanceId, plan: plan.key, party: subject.party, operation }, 'instance accepted');
  return waits ? { outcome: 'accepted', operation } : { outcome: 'created' };
}

/** The instance as the authorization server knows it. */
export function instanceResource(
  instanceId: string,
  maker: { readonly party: string; readonly clientId: string; readonly parameters: Parameters } & Pick<
    KeptOrigin,
    'platform' | 'namespace'
  >,
  plan: Plan,
): ResourceDescription {
  const [first] = plan.members;
  const region = isOfFleet(plan.kind) ? regionOf(plan, maker.parameters) : plan.entry.region;
  return {
    name: `${plan.title}, instance ${instanceId}`,
    type: 'instance',
    key: instanceId,
    scopes: ['read', 'update', 'delete', 'bind'],
    attributes: {
      owner: maker.party,
      client_id: maker.clientId,
      ...(maker.platform !== null && { platform: maker.platform }),
      ...(maker.namespace !== null && { namespace: maker.namespace }),
      kind: plan.kind,
      service: plan.serviceName,
      plan: plan.key,
      groups: [...plan.groups],
      ...(plan.kind === 'validator' && first ? { consensus: first.consensus, execution: first.execution } : {}),
      ...(region !== undefined && { region }),
    },
  };
}

/** Requirement 15: compared on service, plan, organization, space and parameters. */
async function repeated(
  manager: EntityManager,
  subject: Subject,
  request: ProvisionRequest,
  existing: ServiceInstance,
): Promise<Provisioned> {
  const { body } = request;
  const same =
    existing.owner === subject.party &&
    existing.serviceId === body.service_id &&
    existing.planId === body.plan_id &&
    existing.organizationGuid === body.organization_guid &&
    existing.spaceGuid === body.space_guid &&
    sameJson(existing.parameters, body.parameters ?? {});
  if (!same) throw new OsbError('Conflict', 'an instance with this id and other attributes exists');
  switch (existing.state) {
    case 'provisioning': {
      const running = await runningOperation(manager, existing.id);
      if (!running) return { outcome: 'exists' };
      requireAsync(request.plan, request.acceptsIncomplete, 'creating');
      return { outcome: 'accepted', operation: running.id };
    }
    case 'failed':
      throw new OsbError('Conflict', 'creating this instance failed: delete it before its id is used again');
    case 'deprovisioning':
      throw busy('the instance is being deleted');
    default:
      return { outcome: 'exists' };
  }
}

/** Security.md B8: a key bound in the claim wins. */
function requireClaimedKey(subject: Pick<Subject, 'encryptionPublicKey'>, parameters: Parameters): void {
  const { encryptionPublicKey, encryptionFormat } = readParameters(parameters);
  if (encryptionFormat !== undefined && encryptionPublicKey === undefined && subject.encryptionPublicKey === undefined)
    throw badRequest(
      'parameters.encryption_format needs a key: parameters.encryption_public_key, or one in your signed message',
    );
  if (encryptionPublicKey === undefined || subject.encryptionPublicKey === undefined) return;
  if (encryptionPublicKey !== subject.encryptionPublicKey)
    throw badRequest('parameters.encryption_public_key differs from the key in your signed message: sign a new one');
}

function refuseWithdrawalAddress(parameters: Parameters): void {
  if (readParameters(parameters).withdrawalAddress !== undefined)
    throw badRequest(
      'parameters.withdrawal_address is accepted only when the party funds the deposit itself; this plan claims keys of the pool',
    );
}
