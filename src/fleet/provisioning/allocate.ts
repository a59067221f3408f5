import type { EntityManager } from 'typeorm';
import type { Clock } from '../../clock.js';
import { DomainError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { Pair, StakeSource, Wish } from '../contract.js';
import { type FleetKey, fleetKeys, type StateDeps, usableClients } from '../fleet-state.js';
import type { MoveControl, Moves } from '../moves/index.js';
import { expandTargets } from '../targets/expand-targets.js';
import type { DiversityPolicy } from '../targets/targets.js';
import { type ChosenKey, choosePoolKeys } from './choose-pool-keys.js';
import { uncontrolledKeys } from './controls-keys.js';
import { clientsFor, roomFor } from './destination.js';
import { keysHeld } from './keys-held.js';
import { wholeKeys } from './whole-keys.js';
import { InstanceAllocation, type WishRow } from './wish-row.js';

export interface ProvisioningDeps extends StateDeps {
  readonly moves: Moves & Pick<MoveControl, 'abort'>;
  readonly diversity: () => DiversityPolicy;
  readonly stake: StakeSource;
  /** Unfinished moves of all instances together. */
  readonly inFlight: number;
  /** Why no move may start, as last known: asking for it inside a transaction would take a second connection. */
  readonly hindrance: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Allocations are made one transaction at a time; held until the caller's transaction ends. */
export async function lockAllocations(manager: EntityManager): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtext('fleet: allocations'))`);
}

/** @throws DomainError `UnknownImplementation` when no validator client of the inventory serves a member. */
export function checkMembers(members: readonly Pair[], { inventory }: StateDeps): void {
  for (const pair of members) {
    if (clientsFor(pair, undefined, inventory()).length === 0) {
      throw new DomainError('UnknownImplementation', `no validator client runs ${pair.consensus}/${pair.execution}`, {
        ...pair,
      });
    }
  }
}

/**
 * Chooses the wish's keys and allocates them, all or none. The caller holds `lockAllocations`.
 * `kept`: keys the instance keeps from an earlier form of the wish. Throws with rows written: the caller's transaction ends.
 * @throws DomainError `StakeExceeded`, `KeyNotControlled`, `NoKeys`, `NoCapacity`.
 */
export async function allocate(
  deps: ProvisioningDeps,
  row: WishRow,
  wish: Wish,
  kept: readonly string[],
  manager: EntityManager,
): Promise<void> {
  const inventory = deps.inventory();
  const keys = await fleetKeys(deps, manager);
  const usable = await usableClients(deps, manager);
  const byKey = new Map(keys.map((key) => [key.publicKey, key]));
  const pairs = Array.from({ length: wish.keys }, (_, i) => wish.members[i % wish.members.length]).filter(
    (pair) => pair !== undefined,
  );
  const chosen: ChosenKey[] = kept.flatMap((publicKey, i) => {
    const [key, pair] = [byKey.get(publicKey), pairs[i]];
    return key && pair ? [{ key, pair }] : [];
  });
  if (wish.publicKeys === undefined) {
    // Who takes nothing more is asked nothing more: what it has stays as it is.
    if (kept.length < wish.keys) await checkStake(deps, wish, manager);
    const { policy, missing } = { policy: deps.diversity(), missing: pairs.slice(chosen.length) };
    const bounds = expandTargets(policy.targets, policy.groups, inventory);
    chosen.push(...choosePoolKeys(missing, keys, inventory, bounds, usable));
  } else {
    const named = await namedKeys(deps, wish, byKey, kept, manager);
    chosen.push(
      ...named.flatMap((key, i) => (pairs[kept.length + i] ? [{ key, pair: pairs[kept.length + i] as Pair }] : [])),
    );
  }
  if (chosen.length < wish.keys) {
    throw new DomainError('NoKeys', `the pool has ${chosen.length} of the ${wish.keys} keys asked for`, {
      asked: wish.keys,
      free: chosen.length,
    });
  }
  checkRoom(deps, wish, chosen, keys, usable);
  const allocatedAt = new Date(deps.clock.nowMs());
  await manager.getRepository(InstanceAllocation).insert(
    chosen.map(({ key, pair }) => ({
      wishId: row.id,
      publicKey: key.publicKey,
      consensus: pair.consensus,
      execution: pair.execution,
      allocatedAt,
    })),
  );
  if (wish.publicKeys !== undefined && chosen.length > kept.length) await checkStakeLeft(deps, wish, manager);
}

/** Validators that are named count no more as stake, so pool keys held on them must be given back first. */
async function checkStakeLeft({ stake }: ProvisioningDeps, wish: Wish, manager: EntityManager): Promise<void> {
  if (wish.subjectKind !== 'party') return;
  const held = await keysHeld(wish, manager);
  if (held === 0) return;
  const allowed = wholeKeys(await stake.gweiOf(wish, manager));
  if (held > allowed) {
    throw new DomainError(
      'StakeExceeded',
      `${held} keys of the pool are in use; without the keys named the stake stands for ${allowed}`,
      { allowed, held, asked: wish.keys },
    );
  }
}

async function checkStake({ stake }: ProvisioningDeps, wish: Wish, manager: EntityManager): Promise<void> {
  if (wish.subjectKind !== 'party') return;
  const allowed = wholeKeys(await stake.gweiOf(wish, manager));
  const held = await keysHeld(wish, manager, wish.instanceId);
  if (held + wish.keys > allowed) {
    throw new DomainError(
      'StakeExceeded',
      `the stake stands for ${allowed} keys, ${held} are in use, ${wish.keys} are asked for`,
      {
        allowed,
        held,
        asked: wish.keys,
      },
    );
  }
}

/** Named keys must be the party's by their finalised withdrawal credentials; operator and platform may name any (security.md B1). */
async function namedKeys(
  { inventory }: ProvisioningDeps,
  wish: Wish,
  byKey: ReadonlyMap<string, FleetKey>,
  kept: readonly string[],
  manager: EntityManager,
): Promise<FleetKey[]> {
  const names = [...new Set(wish.publicKeys ?? [])].filter((publicKey) => !kept.includes(publicKey));
  if (new Set(wish.publicKeys).size !== wish.keys) {
    throw new DomainError('NoKeys', 'the number of keys differs from the keys named', { asked: wish.keys });
  }
  const clients = new Set(inventory().validatorClients.map(({ name }) => name));
  const uncontrolled = wish.subjectKind === 'party' ? await uncontrolledKeys(wish, names, manager) : [];
  return names.map((publicKey) => {
    // One answer for keys of others and keys not here: who holds which key is nobody's business.
    const refused = () =>
      new DomainError('KeyNotControlled', `${publicKey} is not under the party's control`, { publicKey });
    const key = byKey.get(publicKey);
    if (uncontrolled.includes(publicKey) || !key || !clients.has(key.validatorClient)) throw refused();
    if (key.allocation) throw new DomainError('NoKeys', `${publicKey} belongs to an instance already`, { publicKey });
    return key;
  });
}

function checkRoom(
  deps: ProvisioningDeps,
  wish: Wish,
  chosen: readonly ChosenKey[],
  keys: readonly FleetKey[],
  usable: ReadonlySet<string>,
): void {
  const inventory = deps.inventory();
  const chosenKeys = new Set(chosen.map(({ key }) => key.publicKey));
  const others = keys.filter(({ publicKey }) => !chosenKeys.has(publicKey));
  for (const pair of wish.members) {
    const needed = chosen.filter((one) => one.pair === pair).length;
    if (needed > 0 && roomFor(pair, wish.region, others, inventory, usable) < needed) {
      const where = wish.region === undefined ? '' : ` in region ${wish.region}`;
      throw new DomainError(
        'NoCapacity',
        `no validator client of ${pair.consensus}/${pair.execution}${where} that is up has room for ${needed} keys`,
        {
          ...pair,
          needed,
          ...(wish.region !== undefined && { region: wish.region }),
        },
      );
    }
  }
}
