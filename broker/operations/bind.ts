import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Subject } from '../../authz/index.js';
import type { Plan } from '../catalog/plan.js';
import type { BrokerDeps } from '../deps.js';
import { type EncryptionFormat, encryptedCredentials } from '../encryption.js';
import { badRequest, busy, OsbError } from '../errors.js';
import { sameJson } from '../json.js';
import { originOn } from '../origin.js';
import { checkParameters, readParameters } from '../parameters.js';
import type { BindBody } from '../schema.js';
import { ServiceBinding } from '../service-binding.js';
import type { Parameters, ServiceInstance } from '../service-instance.js';
import { rpcCredentials, validatorCredentials } from './credentials.js';
import { openEndpoint } from './open-endpoint.js';
import { requirePermit } from './permit.js';
import { exhume, findBinding, findInstance, insertRow, lockId, lockInstance } from './rows.js';
import { isOfFleet } from './wish.js';

/** 256 bits: nobody guesses it, and its plain SHA-256 tells nothing. */
const TOKEN_BYTES = 32;
const SEAL_PURPOSE = 'service_binding';

export interface BindRequest {
  readonly instanceId: string;
  readonly bindingId: string;
  readonly body: BindBody;
}

export interface Bound {
  readonly outcome: 'created' | 'exists';
  readonly binding: ServiceBinding;
  readonly credentials: object;
}

/**
 * OSB 2.17, Binding and Rotating: nothing has to be waited for (requirement 25). In one transaction: lock the instance;
 * same request ⇒ the existing binding; different ⇒ conflict; else create.
 * @throws OsbError `BadRequest`, `Forbidden`, `NotFound`, `Conflict`, `ConcurrencyError`.
 */
export function bind(deps: BrokerDeps, subject: Subject, request: BindRequest): Promise<Bound> {
  return deps.serially(request.instanceId, async () => {
    const seen = await findInstance(deps.dataSource.manager, request.instanceId);
    if (seen) await requireBindPermit(deps, subject, request, seen);
    const endpoint = seen && isOfFleet(seen.kind) ? await deps.fleet.endpoint(seen.id) : undefined;
    return deps.dataSource.transaction(async (manager) => {
      await lockId(manager, 'binding', request.bindingId);
      const instance = await lockInstance(manager, request.instanceId);
      // A later instance with this id is another one; nothing was asked about it.
      if (!instance || instance.resourceId !== seen?.resourceId) throw new OsbError('NotFound', 'no such instance');
      const existing = await manager.findOneBy(ServiceBinding, { id: request.bindingId });
      if (existing && existing.instanceId !== instance.id)
        throw new OsbError('Conflict', 'a binding with this id exists on another instance');
      const predecessor = await predecessorOf(manager, instance, request.body, existing);
      const wanted = wantedOf(instance, request.body, predecessor);
      if (existing) return { outcome: 'exists', ...repeated(deps, subject, existing, wanted) };
      const plan = requireBindable(deps, instance, wanted);
      checkParameters(plan.schemas.bind ?? {}, wanted.parameters);
      const encryption = encryptionOf(subject, instance, wanted.parameters);
      const { bindingId } = request;
      const creation = { subject, instance, plan, wanted, encryption, endpoint, bindingId };
      return { outcome: 'created', ...(await create(deps, manager, creation)) };
    });
  });
}

/** Security.md B1, of a new binding. Outside the transaction: the answer is recorded over a connection of its own. */
async function requireBindPermit(
  deps: BrokerDeps,
  subject: Subject,
  { instanceId, bindingId, body }: BindRequest,
  instance: ServiceInstance,
): Promise<void> {
  const { manager } = deps.dataSource;
  if (await findBinding(manager, instanceId, bindingId)) return;
  const parameters = body.parameters ?? {};
  try {
    const { resourceId } = instance;
    const origin = originOn(subject, instance);
    await requirePermit(deps, subject, { instanceId, bindingId, resourceId, scope: 'bind', parameters, origin });
  } catch (refusal) {
    // Deleted meanwhile, its resource is gone too: the caller says so.
    if (await findInstance(manager, instanceId)) throw refusal;
  }
}

/** The credentials object as it was handed out. */
export function unsealCredentials(deps: BrokerDeps, binding: ServiceBinding): object {
  return JSON.parse(deps.dataKey.open(binding.credentialsSealed, SEAL_PURPOSE, binding.resourceId).toString('utf8'));
}

interface Wanted {
  readonly serviceId: string;
  readonly planId: string;
  readonly parameters: Parameters;
  readonly bindResource: Parameters | null;
  readonly predecessorId: string | null;
}

/** Requirement 23: the predecessor alone suffices; what the body leaves out is the predecessor's. */
function wantedOf(instance: ServiceInstance, body: BindBody, predecessor: ServiceBinding | undefined): Wanted {
  const wanted = {
    serviceId: body.service_id ?? instance.serviceId,
    planId: body.plan_id ?? instance.planId,
    parameters: body.parameters ?? predecessor?.parameters ?? {},
    bindResource: body.bind_resource ?? predecessor?.bindResource ?? null,
    predecessorId: body.predecessor_binding_id ?? null,
  };
  if (wanted.serviceId !== instance.serviceId) throw badRequest('service_id is not this instance’s');
  if (wanted.planId !== instance.planId) throw badRequest('plan_id is not this instance’s');
  return wanted;
}

/** A repeat needs no predecessor any more: what it made carries the same attributes. */
async function predecessorOf(
  manager: EntityManager,
  instance: ServiceInstance,
  body: BindBody,
  existing: ServiceBinding | null,
) {
  const id = body.predecessor_binding_id;
  if (id === undefined) return undefined;
  if (existing?.predecessorId === id) return existing;
  const predecessor = await findBinding(manager, instance.id, id);
  if (!predecessor) throw badRequest('predecessor_binding_id names no binding of this instance');
  return predecessor;
}

function requireBindable(deps: BrokerDeps, instance: ServiceInstance, wanted: Wanted): Plan {
  const plan = deps.catalog.known(instance.serviceId, instance.planId);
  if (instance.state === 'failed') throw badRequest('creating this instance failed: it can only be deleted');
  if (instance.state !== 'ready') throw busy('another operation on this instance is in progress');
  if (!plan?.bindable) throw badRequest('instances of this plan cannot be bound');
  if (wanted.predecessorId !== null && !plan.rotatable)
    throw badRequest('predecessor_binding_id: bindings of this plan cannot be rotated');
  return plan;
}

function repeated(deps: BrokerDeps, subject: Subject, existing: ServiceBinding, wanted: Wanted) {
  const same =
    existing.owner === subject.party &&
    existing.serviceId === wanted.serviceId &&
    existing.planId === wanted.planId &&
    existing.predecessorId === wanted.predecessorId &&
    sameJson(existing.parameters, wanted.parameters) &&
    sameJson(existing.bindResource, wanted.bindResource);
  if (!same) throw new OsbError('Conflict', 'a binding with this id and other attributes exists');
  return { binding: existing, credentials: unsealCredentials(deps, existing) };
}

/**
 * Security.md B8: the key bound in the binder's claim wins, then the one the owner's claim was made with, then the
 * parameter, then what the owner asked for at creation. The format is the binder's parameter, then the owner's at creation.
 */
function encryptionOf(subject: Subject, instance: ServiceInstance, parameters: Parameters): Encryption | undefined {
  const isOwner = subject.party === instance.owner;
  const claimed = subject.encryptionPublicKey ?? (isOwner ? instance.encryptionPublicKey : null) ?? undefined;
  const { encryptionPublicKey: asked, encryptionFormat } = readParameters(parameters);
  const atCreation = isOwner ? readParameters(instance.parameters) : undefined;
  if (claimed !== undefined && asked !== undefined && claimed !== asked)
    throw badRequest('parameters.encryption_public_key differs from the key in your signed message: sign a new one');
  const publicKey = claimed ?? asked ?? atCreation?.encryptionPublicKey;
  if (publicKey === undefined && encryptionFormat !== undefined)
    throw badRequest(
      'parameters.encryption_format needs a key: parameters.encryption_public_key, or one in your signed message',
    );
  const format = encryptionFormat ?? atCreation?.encryptionFormat ?? 'x25519-xsalsa20-poly1305';
  return publicKey === undefined ? undefined : { publicKey, format };
}

interface Encryption {
  readonly publicKey: string;
  readonly format: EncryptionFormat;
}

interface Creation {
  readonly subject: Subject;
  readonly instance: ServiceInstance;
  readonly plan: Plan;
  readonly wanted: Wanted;
  readonly encryption: Encryption | undefined;
  readonly endpoint: Awaited<ReturnType<BrokerDeps['fleet']['endpoint']>>;
  readonly bindingId: string;
}

async function create(deps: BrokerDeps, manager: EntityManager, creation: Creation) {
  const { subject, instance, plan, wanted, bindingId, encryption } = creation;
  const resourceId = await deps.protection.register(bindingResource(creation), manager);
  const life = plan.binding && lifetime(deps.clock.nowMs(), plan.binding);
  const token = plan.kind === 'rpc' ? randomBytes(TOKEN_BYTES).toString('base64url') : undefined;
  const plain =
    token !== undefined && life
      ? rpcCredentials(deps, { bindingId, resourceId, plan, token, expiresAt: life.expiresAt })
      : validatorCredentials(deps, creation.endpoint);
  const credentials =
    encryption === undefined ? plain : await encryptedCredentials(plain, encryption.publicKey, encryption.format);
  const binding = manager.create(ServiceBinding, {
    id: bindingId,
    instanceId: instance.id,
    ...wanted,
    owner: subject.party,
    clientId: subject.clientId,
    resourceId,
    tokenHash: token === undefined ? null : createHash('sha256').update(token).digest(),
    credentialsSealed: deps.dataKey.seal(Buffer.from(JSON.stringify(credentials)), SEAL_PURPOSE, resourceId),
    expiresAt: life?.expiresAt ?? null,
    renewBefore: life?.renewBefore ?? null,
    expiredAt: null,
  });
  await insertRow(manager, ServiceBinding, binding);
  await exhume(manager, instance.id, bindingId);
  if (token !== undefined) await openEndpoint(deps, manager, instance, binding);
  deps.logger.info({ instanceId: instance.id, bindingId, party: subject.party, plan: plan.key }, 'bound');
  return { binding, credentials };
}

function bindingResource({ subject, instance, plan, bindingId }: Creation) {
  return {
    name: `${plan.title}, binding ${bindingId}`,
    type: 'binding',
    key: bindingId,
    scopes: ['read', 'delete', ...plan.groups.map((group) => `rpc:${group}`)],
    attributes: {
      owner: subject.party,
      client_id: subject.clientId,
      kind: plan.kind,
      instance: instance.id,
      service: plan.serviceName,
      plan: plan.key,
      groups: [...plan.groups],
    },
  };
}

function lifetime(nowMs: number, binding: NonNullable<Plan['binding']>) {
  const expiresAt = new Date(nowMs + binding.lifetimeSeconds * 1000);
  return { expiresAt, renewBefore: new Date(expiresAt.getTime() - binding.renewBeforeSeconds * 1000) };
}
