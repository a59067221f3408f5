import type { EntityManager } from 'typeorm';
import { DomainError, reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { servesPair } from '../exposure.js';
import { type FleetKey, fleetKeys, usableClients } from '../fleet-state.js';
import type { Inventory } from '../inventory.js';
import type { MoveView } from '../moves/index.js';
import type { DiversityPolicy } from '../targets/targets.js';
import { batchSize, nextMoves } from './next-moves.js';
import type { PlanDeps } from './propose-plan.js';
import { PlannedMove, RebalancingPlan } from './rebalancing-plan.js';

export interface DispatchDeps extends PlanDeps {
  readonly logger: Logger;
}

/**
 * Brings the plan in force one step on: records what became of its moves, starts those whose turn it is, ends it. One transaction
 * under the plan's lock, so that two dispatchers start no more than one would.
 */
export async function dispatchPlan(deps: DispatchDeps): Promise<void> {
  const [found] = await deps.dataSource
    .getRepository(RebalancingPlan)
    .find({ where: [{ state: 'approved' }, { state: 'running' }], take: 1 });
  if (!found) return;
  const halted = await haltReason(deps);
  const moves = new Map((await deps.moves.list({ planId: found.id })).map((move) => [move.id, move]));
  await deps.dataSource.transaction(async (manager) => {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('fleet: plan in force'))`);
    const plan = await manager.getRepository(RebalancingPlan).findOneBy({ id: found.id });
    if (plan?.state !== 'approved' && plan?.state !== 'running') return;
    const rows = await manager
      .getRepository(PlannedMove)
      .find({ where: { planId: plan.id }, order: { position: 'ASC' } });
    await recordOutcomes(manager, rows, moves);
    if (halted === undefined) await startNext(deps, manager, plan, rows, moves);
    await settle(deps, manager, plan, rows);
  });
}

/** Why no move may start now. */
async function haltReason({ moves, diversity, clock }: DispatchDeps): Promise<string | undefined> {
  const paused = await moves.paused();
  if (paused) return `paused: ${paused.reason}`;
  return frozenBy(diversity(), clock.nowMs());
}

function frozenBy(policy: DiversityPolicy, nowMs: number): string | undefined {
  if (policy.mode === 'observe') return 'the mode is observe';
  const window = policy.freezeWindows.find(({ from, until }) => from.getTime() <= nowMs && nowMs < until.getTime());
  return window && `freeze window: ${window.reason}`;
}

async function recordOutcomes(
  manager: EntityManager,
  rows: readonly PlannedMove[],
  moves: ReadonlyMap<string, MoveView>,
): Promise<void> {
  for (const row of rows) {
    const move = row.moveId === null ? undefined : moves.get(row.moveId);
    if (row.state !== 'started' || (move?.state !== 'placed' && move?.state !== 'aborted')) continue;
    // A key that came back proves nothing about where it should have gone.
    const failed = move.state === 'aborted' || move.turnedBack === true;
    row.state = failed ? 'aborted' : 'placed';
    row.note = failed ? (move.holdReason ?? `${row.to} did not take the key; it is back at ${row.from}`) : null;
    await write(manager, row);
  }
}

async function startNext(
  deps: DispatchDeps,
  manager: EntityManager,
  plan: RebalancingPlan,
  rows: readonly PlannedMove[],
  moves: ReadonlyMap<string, MoveView>,
): Promise<void> {
  if (!rows.some((row) => row.state === 'planned')) return;
  const keys = new Map((await fleetKeys(deps, manager)).map((key) => [key.publicKey, key]));
  const usable = await usableClients(deps, manager);
  const { canary, batch, budget } = deps.diversity();
  const steps = rows.map(({ position, clientPair, state, moveId }) => ({
    position,
    clientPair,
    state,
    held: moveId !== null && moves.get(moveId)?.state === 'hold',
  }));
  const limits = { canary, batch: batchSize(batch, keys.size), inFlight: budget.inFlight };
  const chosen = new Set(nextMoves(steps, limits));
  for (const row of rows)
    if (chosen.has(row.position)) await startOne(deps, manager, row, keys, usable, plan.createdAt);
}

async function startOne(
  deps: DispatchDeps,
  manager: EntityManager,
  row: PlannedMove,
  keys: Map<string, FleetKey>,
  usable: ReadonlySet<string>,
  plannedAt: Date,
): Promise<void> {
  const obstacle = obstacleTo(row, keys, deps.inventory(), usable, plannedAt);
  if (obstacle?.wait) return;
  row.note = obstacle?.reason ?? null;
  if (obstacle) row.state = 'skipped';
  else {
    try {
      const { publicKey, from, to, reason, planId } = row;
      // A savepoint: a refusal by the database must not undo the moves started beside it.
      row.moveId = await manager.transaction((inner) =>
        deps.moves.start({ publicKey, from, to, reason, planId }, inner),
      );
      row.state = 'started';
      const key = keys.get(publicKey);
      if (key) keys.set(publicKey, { ...key, validatorClient: to, moving: true });
    } catch (thrown) {
      if (!(thrown instanceof DomainError)) throw thrown;
      row.state = 'skipped';
      row.note = reasonOf(thrown);
    }
  }
  deps.logger.info({ planId: row.planId, publicKey: row.publicKey, state: row.state, note: row.note }, 'planned move');
  await write(manager, row);
}

/** The fleet may have changed since the plan was made; `wait`: it may yet become possible. */
function obstacleTo(
  row: PlannedMove,
  keys: ReadonlyMap<string, FleetKey>,
  inventory: Inventory,
  usable: ReadonlySet<string>,
  plannedAt: Date,
): { readonly reason: string; readonly wait: boolean } | undefined {
  const key = keys.get(row.publicKey);
  const to = inventory.validatorClients.find(({ name }) => name === row.to);
  if (!to || !key) return { reason: 'the key or its destination is gone', wait: false };
  if (key.moving) return { reason: 'the key is in another move', wait: false };
  if (key.validatorClient !== row.from) return { reason: `the key is at ${key.validatorClient} now`, wait: false };
  const { allocation } = key;
  if (
    allocation &&
    !servesPair(to, allocation, inventory) &&
    (allocation.kind === 'hard' || allocation.allocatedAt > plannedAt)
  ) {
    return { reason: 'a wish took the key after the plan was made', wait: false };
  }
  if (!usable.has(row.to) || !usable.has(row.from)) return { reason: 'a validator client is not up', wait: true };
  const held = [...keys.values()].filter(({ validatorClient }) => validatorClient === row.to).length;
  return held >= to.capacity ? { reason: `${row.to} is full`, wait: false } : undefined;
}

async function settle(
  deps: DispatchDeps,
  manager: EntityManager,
  plan: RebalancingPlan,
  rows: readonly PlannedMove[],
): Promise<void> {
  const open = rows.some((row) => row.state === 'planned' || row.state === 'started');
  const begun = rows.some((row) => row.state !== 'planned');
  const state = !open ? 'done' : begun ? 'running' : plan.state;
  if (state === plan.state) return;
  const finishedAt = state === 'done' ? new Date(deps.clock.nowMs()) : null;
  await manager.getRepository(RebalancingPlan).update({ id: plan.id }, { state, finishedAt });
  deps.logger.info({ planId: plan.id, state }, 'plan');
}

async function write(manager: EntityManager, { planId, position, state, moveId, note }: PlannedMove): Promise<void> {
  await manager.getRepository(PlannedMove).update({ planId, position }, { state, moveId, note });
}
