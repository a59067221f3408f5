import { IsNull } from 'typeorm';
import { reasonOf } from '../../errors.js';
import type { WishProgress } from '../contract.js';
import { routesOf, servesPair } from '../exposure.js';
import type { ValidatorClient } from '../inventory.js';
import { ValidatorStake } from '../look/validator-stake.js';
import type { MoveView, Placement } from '../moves/index.js';
import type { ProvisioningDeps } from './allocate.js';
import { applySettings } from './apply-settings.js';
import { liveValidators } from './liveness.js';
import { hasFailed, MOST_ATTEMPTS, mayRepeat, startHindrance, startWaiting } from './start-waiting.js';
import { InstanceAllocation, WishRow } from './wish-row.js';

/** A key of the wish: `live`, or what it still waits for. */
type KeyProgress =
  | { readonly kind: 'live' }
  | { readonly kind: 'moving'; readonly text: string }
  | { readonly kind: 'waiting'; readonly text: string }
  | { readonly kind: 'refused'; readonly text: string };

/** See the door. An ended or unknown wish has failed. */
export async function wishProgress(deps: ProvisioningDeps, instanceId: string): Promise<WishProgress> {
  const wish = await deps.dataSource.getRepository(WishRow).findOneBy({ instanceId, endedAt: IsNull() });
  if (!wish)
    return { state: 'failed', description: 'refused: the instance has no wish', status: 'refused', publicKeys: [] };
  let keys = await keysOf(deps, wish);
  const waits = keys.some(({ progress }) => progress.kind === 'waiting');
  const hindrance = waits ? await startHindrance(deps) : undefined;
  if (waits && hindrance === undefined) {
    const again = new Set(keys.flatMap(({ again }) => again ?? []));
    await deps.dataSource.transaction((manager) => startWaiting(deps, manager, again));
    keys = await keysOf(deps, wish);
  }
  const publicKeys = keys.map(({ allocation }) => allocation.publicKey);
  const live = keys.filter(({ progress }) => progress.kind === 'live').length;
  const summary = `${live} of ${keys.length} keys live on ${wish.members.map((pair) => `${pair.consensus}/${pair.execution}`).join(', ')}`;
  const refused = keys.find(({ progress }) => progress.kind === 'refused')?.progress;
  if (refused?.kind === 'refused')
    return { state: 'failed', description: `refused: ${refused.text}`, status: 'refused', publicKeys };
  if (live === keys.length && keys.length > 0) return honour(deps, wish, keys, { summary, publicKeys });
  const texts = new Set(keys.flatMap(({ progress }) => ('text' in progress ? [progress.text] : [])));
  return {
    state: 'in progress',
    description: `${summary}; waiting: ${hindrance ?? [...texts].slice(0, 5).join('; ')}`,
    status: 'waiting',
    publicKeys,
  };
}

interface KeyOfWish {
  readonly allocation: InstanceAllocation;
  readonly client?: ValidatorClient;
  /** Its last move, when that may be repeated now. */
  readonly again?: string;
  readonly progress: KeyProgress;
}

async function keysOf(deps: ProvisioningDeps, wish: WishRow): Promise<KeyOfWish[]> {
  const allocations = await deps.dataSource
    .getRepository(InstanceAllocation)
    .find({ where: { wishId: wish.id, releasedAt: IsNull() }, order: { allocatedAt: 'ASC', publicKey: 'ASC' } });
  const placements = new Map((await deps.moves.placements()).map((placement) => [placement.publicKey, placement]));
  const unfinished = new Map((await deps.moves.list({ unfinished: true })).map((move) => [move.publicKey, move]));
  const clients = new Map(deps.inventory().validatorClients.map((client) => [client.name, client]));
  return Promise.all(
    allocations.map(async (allocation) => {
      const placement = placements.get(allocation.publicKey);
      const client = clients.get(placement?.holder ?? '');
      const { moveId, attempts } = allocation;
      const last = moveId === null ? undefined : await deps.moves.get(moveId);
      const progress = await keyProgress(deps, allocation, {
        placement,
        last,
        open: unfinished.get(allocation.publicKey),
        client,
      });
      const repeat = moveId !== null && mayRepeat(last, attempts, deps.clock.nowMs());
      return { allocation, ...(client && { client }), ...(repeat && { again: moveId }), progress };
    }),
  );
}

async function keyProgress(
  deps: ProvisioningDeps,
  allocation: InstanceAllocation,
  known: {
    readonly placement: Placement | undefined;
    readonly last: MoveView | undefined;
    readonly open: MoveView | undefined;
    readonly client: ValidatorClient | undefined;
  },
): Promise<KeyProgress> {
  const { placement, last, open: move, client } = known;
  if (move?.state === 'hold')
    return { kind: 'moving', text: `a move is held for the operator (${move.holdReason ?? 'no reason given'})` };
  if (move)
    return {
      kind: 'moving',
      text: `a key moves from ${move.from} to ${move.to} (${move.waiting === undefined ? move.state : `${move.state}: ${move.waiting}`})`,
    };
  if (!placement || !client || !servesPair(client, allocation, deps.inventory())) {
    if (last && hasFailed(last) && allocation.attempts >= MOST_ATTEMPTS) {
      return {
        kind: 'refused',
        text: `the move was given up after ${allocation.attempts} attempts (${whyFailed(last)})`,
      };
    }
    return {
      kind: 'waiting',
      text: last && hasFailed(last) ? `a new attempt (the last: ${whyFailed(last)})` : 'a free slot to move',
    };
  }
  // A placed move ended with the key seen live at its destination (keys.md, verify).
  if (last?.state === 'placed' && last.to === client.name) return { kind: 'live' };
  return seenLive(deps, allocation, client);
}

function whyFailed({ holdReason, turnedBack, to }: MoveView): string {
  return holdReason ?? (turnedBack ? `${to} did not take the key` : 'aborted');
}

/** A key that was there already: live when a beacon node of its validator client says so. */
async function seenLive(
  deps: ProvisioningDeps,
  allocation: InstanceAllocation,
  client: ValidatorClient,
): Promise<KeyProgress> {
  const stake = await deps.dataSource.getRepository(ValidatorStake).findOneBy({ publicKey: allocation.publicKey });
  const route = routesOf(client, deps.inventory())[0];
  if (!stake || !route) return { kind: 'moving', text: `${client.name} has the key; the chain has not told of it yet` };
  try {
    const live = await liveValidators(route.beaconNode.uri, [stake.validatorIndex]);
    return live.has(stake.validatorIndex)
      ? { kind: 'live' }
      : { kind: 'moving', text: `${client.name} has the key; its next attestation` };
  } catch (thrown) {
    return { kind: 'moving', text: `${client.name} has the key; ${route.beaconNode.name} ${reasonOf(thrown)}` };
  }
}

async function honour(
  { dataSource, clock, logger }: ProvisioningDeps,
  wish: WishRow,
  keys: readonly KeyOfWish[],
  { summary, publicKeys }: { summary: string; publicKeys: readonly string[] },
): Promise<WishProgress> {
  if (wish.honouredAt === null) {
    // A move brought its key's settings along.
    try {
      for (const { client, allocation } of keys)
        if (client && allocation.moveId === null) await applySettings(client, allocation.publicKey, wish);
    } catch (thrown) {
      logger.warn({ instanceId: wish.instanceId, reason: reasonOf(thrown) }, 'settings not applied');
      return {
        state: 'in progress',
        description: `${summary}; waiting: their settings`,
        status: 'waiting',
        publicKeys,
      };
    }
    await dataSource.getRepository(WishRow).update({ id: wish.id }, { honouredAt: new Date(clock.nowMs()) });
  }
  return { state: 'succeeded', description: summary, status: 'honoured', publicKeys };
}
