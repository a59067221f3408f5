import { type EntityManager, IsNull } from 'typeorm';
import { DomainError, reasonOf } from '../../errors.js';
import { fleetKeys, usableClients } from '../fleet-state.js';
import type { MoveView } from '../moves/index.js';
import { lockAllocations, type ProvisioningDeps } from './allocate.js';
import { clientsFor, destination } from './destination.js';
import { InstanceAllocation, WishRow } from './wish-row.js';

/** Moves tried for a key before its wish is refused. */
export const MOST_ATTEMPTS = 5;
/** An aborted move is tried again after so long, times the attempts so far. */
const RETRY_MS = 5000;

/**
 * Starts the moves of allocated keys that are not yet where their wish wants them, oldest first, within the in-flight cap. `again`:
 * moves that ended without bringing their key home and may be repeated now. All through the caller's one connection.
 */
export async function startWaiting(
  deps: ProvisioningDeps,
  manager: EntityManager,
  again: ReadonlySet<string> = new Set(),
): Promise<void> {
  await lockAllocations(manager);
  const live = await manager.getRepository(InstanceAllocation).find({
    where: { releasedAt: IsNull() },
    order: { allocatedAt: 'ASC', publicKey: 'ASC' },
  });
  const wishes = new Map(
    (await manager.getRepository(WishRow).findBy({ endedAt: IsNull() })).map((wish) => [wish.id, wish]),
  );
  const keys = new Map((await fleetKeys(deps, manager)).map((key) => [key.publicKey, key]));
  const usable = await usableClients(deps, manager);
  let underway = await unfinished(deps, manager);
  for (const allocation of live) {
    const wish = wishes.get(allocation.wishId);
    const key = keys.get(allocation.publicKey);
    if (underway >= deps.inFlight) return;
    if (!wish || !key || key.moving || !mayTry(allocation, again)) continue;
    const region = wish.region ?? undefined;
    const homes = clientsFor(allocation, region, deps.inventory());
    if (homes.some(({ name }) => name === key.validatorClient)) continue;
    const to = destination(allocation, region, keys.values(), deps.inventory(), usable);
    if (!to || !usable.has(key.validatorClient)) continue;
    if (await startOne(deps, manager, allocation, wish, key.validatorClient, to.name)) {
      keys.set(key.publicKey, { ...key, validatorClient: to.name, moving: true });
      underway += 1;
    }
  }
}

/** Unfinished moves of all wishes, ended ones included. */
async function unfinished({ moves }: ProvisioningDeps, manager: EntityManager): Promise<number> {
  const moveIds = (await moves.placements(manager)).flatMap(({ moveId }) => moveId ?? []);
  const [row]: { count: number }[] = await manager.query(
    'SELECT count(DISTINCT move_id)::int AS count FROM instance_allocation WHERE move_id = ANY($1)',
    [moveIds],
  );
  return row?.count ?? 0;
}

/** Why no move of a wish may start now, in words for the staker. */
export async function startHindrance({
  moves,
  diversity,
  clock,
}: Pick<ProvisioningDeps, 'moves' | 'diversity' | 'clock'>): Promise<string | undefined> {
  const paused = await moves.paused();
  if (paused) return `moves are paused: ${paused.reason}`;
  const nowMs = clock.nowMs();
  const window = diversity().freezeWindows.find(
    ({ from, until }) => from.getTime() <= nowMs && nowMs < until.getTime(),
  );
  return window && `freeze window: ${window.reason}`;
}

function mayTry({ moveId, attempts }: InstanceAllocation, again: ReadonlySet<string>): boolean {
  return moveId === null || (attempts < MOST_ATTEMPTS && again.has(moveId));
}

/** It ended without bringing its key to where it should have gone. */
export function hasFailed(move: MoveView | undefined): boolean {
  return move?.state === 'aborted' || (move?.state === 'placed' && move.turnedBack === true);
}

/** A failed move waits before it is repeated; a placed one whose key was moved away again does not. */
export function mayRepeat(move: MoveView | undefined, attempts: number, nowMs: number): boolean {
  return !move || !hasFailed(move) || nowMs - move.updatedAt.getTime() >= RETRY_MS * attempts;
}

/** What the wish wants at the destination; the rest is as it was. */
function settingsOf({ feeRecipient, gasLimit, graffiti }: WishRow) {
  return {
    ...(feeRecipient !== null && { feeRecipient }),
    ...(gasLimit !== null && { gasLimit }),
    ...(graffiti !== null && { graffiti }),
  };
}

async function startOne(
  deps: ProvisioningDeps,
  manager: EntityManager,
  allocation: InstanceAllocation,
  wish: WishRow,
  from: string,
  to: string,
): Promise<boolean> {
  const { publicKey, consensus, execution } = allocation;
  const reason = `instance ${wish.instanceId} asked for ${consensus}/${execution}`;
  try {
    const moveId = await manager.transaction((inner) =>
      deps.moves.start({ publicKey, from, to, reason, instanceId: wish.instanceId, ...settingsOf(wish) }, inner),
    );
    await manager
      .getRepository(InstanceAllocation)
      .update({ id: allocation.id }, { moveId, to, attempts: allocation.attempts + 1 });
    return true;
  } catch (thrown) {
    if (!(thrown instanceof DomainError)) throw thrown;
    deps.logger.warn({ instanceId: wish.instanceId, publicKey, reason: reasonOf(thrown) }, 'move not started');
    return false;
  }
}
