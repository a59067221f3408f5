import { type EntityManager, IsNull } from 'typeorm';
import { DomainError } from '../../errors.js';
import type { FleetProvisioning, ValidatorEndpoint, Wish } from '../contract.js';
import { routesOf, servesPair } from '../exposure.js';
import type { MoveView } from '../moves/index.js';
import { allocate, checkMembers, lockAllocations, type ProvisioningDeps } from './allocate.js';
import { startWaiting } from './start-waiting.js';
import { wishProgress } from './wish-progress.js';
import { InstanceAllocation, WishRow } from './wish-row.js';

/** The part of the door that is about one instance. */
type InstanceProvisioning = Pick<FleetProvisioning, 'request' | 'change' | 'progress' | 'end' | 'endpoint'>;

/** Wishes for keys on an implementation; see the door for the promises. */
export function createProvisioning(deps: ProvisioningDeps): InstanceProvisioning {
  return {
    async request(wish, manager) {
      checkMembers(wish.members, deps);
      await lockAllocations(manager);
      if (await liveWish(wish.instanceId, manager)) return;
      const row = await manager
        .getRepository(WishRow)
        .save({ ...settingsOf(wish), createdAt: new Date(deps.clock.nowMs()) });
      await allocate(deps, row, wish, [], manager);
      if (deps.hindrance() === undefined) await startWaiting(deps, manager);
    },

    async change(wish, manager) {
      checkMembers(wish.members, deps);
      await lockAllocations(manager);
      const row = await liveWish(wish.instanceId, manager);
      if (!row) throw new DomainError('NoKeys', 'the instance has no wish to change', { instanceId: wish.instanceId });
      const kept = await keptKeys(row, wish, manager);
      await release(row, deps, manager);
      await manager.getRepository(WishRow).update({ id: row.id }, { ...settingsOf(wish), honouredAt: null });
      await allocate(deps, row, wish, kept, manager);
      if (deps.hindrance() === undefined) await startWaiting(deps, manager);
    },

    progress: (instanceId) => wishProgress(deps, instanceId),

    async end(instanceId, manager) {
      await lockAllocations(manager);
      const row = await liveWish(instanceId, manager);
      if (!row) return;
      await release(row, deps, manager);
      await manager.getRepository(WishRow).update({ id: row.id }, { endedAt: new Date(deps.clock.nowMs()) });
    },

    endpoint: (instanceId) => endpoint(deps, instanceId),
  };
}

function settingsOf(wish: Wish) {
  return {
    instanceId: wish.instanceId,
    party: wish.party,
    address: wish.address ?? null,
    withdrawalCredentials: wish.withdrawalCredentials ?? null,
    subjectKind: wish.subjectKind,
    plan: wish.plan ?? null,
    members: [...wish.members],
    keys: wish.keys,
    named: wish.publicKeys !== undefined,
    region: wish.region ?? null,
    kind: wish.wish,
    feeRecipient: wish.feeRecipient ?? null,
    gasLimit: wish.gasLimit ?? null,
    graffiti: wish.graffiti ?? null,
  };
}

function liveWish(instanceId: string, manager: EntityManager): Promise<WishRow | null> {
  return manager.getRepository(WishRow).findOneBy({ instanceId, endedAt: IsNull() });
}

/** Keys the instance has and the changed wish still fits: the named ones, or as many of the pool's as are asked. */
async function keptKeys(row: WishRow, wish: Wish, manager: EntityManager): Promise<string[]> {
  const allocations = await manager
    .getRepository(InstanceAllocation)
    .find({ where: { wishId: row.id, releasedAt: IsNull() }, order: { allocatedAt: 'ASC', publicKey: 'ASC' } });
  return allocations
    .map(({ publicKey }) => publicKey)
    .filter((publicKey) => wish.publicKeys === undefined || wish.publicKeys.includes(publicKey))
    .slice(0, wish.keys);
}

/** Frees the keys; where they are does not change, and a move not past preflight ends. */
async function release(row: WishRow, { clock, moves }: ProvisioningDeps, manager: EntityManager): Promise<void> {
  const allocations = await manager.getRepository(InstanceAllocation).findBy({ wishId: row.id, releasedAt: IsNull() });
  for (const { moveId } of allocations) if (moveId !== null) await moves.abort(moveId, manager);
  await manager
    .getRepository(InstanceAllocation)
    .update({ wishId: row.id, releasedAt: IsNull() }, { releasedAt: new Date(clock.nowMs()) });
}

async function endpoint(
  { dataSource, moves, inventory }: ProvisioningDeps,
  instanceId: string,
): Promise<ValidatorEndpoint | undefined> {
  const row = await liveWish(instanceId, dataSource.manager);
  if (!row) return undefined;
  const allocations = await dataSource
    .getRepository(InstanceAllocation)
    .find({ where: { wishId: row.id, releasedAt: IsNull() }, order: { allocatedAt: 'ASC', publicKey: 'ASC' } });
  const [first] = allocations;
  if (!first) return undefined;
  const placement = (await moves.placements()).find(({ publicKey }) => publicKey === first.publicKey);
  const unfinished: MoveView | undefined = (await moves.list({ unfinished: true })).find(
    ({ publicKey }) => publicKey === first.publicKey,
  );
  const fleet = inventory();
  const client = fleet.validatorClients.find(({ name }) => name === (placement?.holder ?? unfinished?.to));
  if (!client) return undefined;
  const routes = routesOf(client, fleet);
  const route =
    (servesPair(client, first, fleet) &&
      routes.find(({ executionNode }) => executionNode.implementation === first.execution)) ||
    routes[0];
  if (!route) return undefined;
  const { name, uri, wsUri } = route.executionNode;
  return {
    publicKeys: allocations.map(({ publicKey }) => publicKey),
    implementation: client.implementation,
    beaconApiUri: route.beaconNode.uri,
    keymanagerUri: client.keymanagerUri,
    executionNode: { name, uri, ...(wsUri !== undefined && { wsUri }) },
  };
}
