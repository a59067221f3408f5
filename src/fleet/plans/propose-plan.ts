import type { DataSource } from 'typeorm';
import type { Clock } from '../../clock.js';
import { exposureOf } from '../exposure.js';
import { type FleetKey, fleetKeys, usableClients } from '../fleet-state.js';
import type { Inventory, InventorySource } from '../inventory.js';
import type { Moves } from '../moves/index.js';
import type { PlannableClient, PlannableKey } from '../planner/aggregate.js';
import { makePlan, type PlanResult } from '../planner/make-plan.js';
import { honours } from '../planner/model.js';
import type { Solver } from '../planner/solver.js';
import { expandTargets } from '../targets/expand-targets.js';
import type { DiversityPolicy, Target } from '../targets/targets.js';
import { PlannedMove, RebalancingPlan } from './rebalancing-plan.js';

export interface PlanDeps {
  readonly dataSource: DataSource;
  readonly moves: Moves;
  readonly inventory: InventorySource;
  readonly diversity: () => DiversityPolicy;
  readonly solver: Solver;
  readonly clock: Clock;
}

/** Other targets or another budget, to see what they would bring. */
export interface WhatIf {
  readonly targets?: readonly Target[];
  readonly budget?: number;
}

/** Plans kept for looking at; older what-ifs go. */
const WHAT_IF_KEPT_MS = 86_400_000;

/**
 * Plans for the fleet as it is now and stores the plan as `proposed`; older proposals are superseded (not by a what-if).
 * @throws DomainError `PlanTimeLimit`, `SolverFailed`.
 */
export async function proposePlan(deps: PlanDeps, whatIf?: WhatIf): Promise<RebalancingPlan> {
  const draft = await draftPlan(deps, whatIf);
  return storePlan(deps, draft);
}

export interface PlanDraft {
  readonly result: PlanResult;
  readonly targets: readonly Target[];
  readonly budget: number;
  readonly whatIf: boolean;
  readonly inventory: Inventory;
}

/** Plans without storing anything. */
export async function draftPlan(deps: PlanDeps, whatIf?: WhatIf): Promise<PlanDraft> {
  const policy = deps.diversity();
  const inventory = deps.inventory();
  const targets = whatIf?.targets ?? policy.targets;
  const budget = whatIf?.budget ?? policy.budget.movesPerRun;
  const movedBeforeMs = deps.clock.nowMs() - policy.budget.minDwellSeconds * 1000;
  const [keys, usable] = [await fleetKeys(deps), await usableClients(deps)];
  const result = await makePlan(
    {
      clients: plannableClients(inventory, usable),
      keys: keys.map((key) => plannableKey(key, inventory, movedBeforeMs)),
      bounds: expandTargets(targets, policy.groups, inventory),
      budget,
    },
    deps.solver,
  );
  return { result, targets, budget, whatIf: whatIf !== undefined, inventory };
}

function plannableClients(inventory: Inventory, usable: ReadonlySet<string>): PlannableClient[] {
  const sites = new Map(inventory.sites.map((site) => [site.name, site]));
  return inventory.validatorClients.map((client) => {
    const site = sites.get(client.site);
    return {
      name: client.name,
      operator: inventory.operators[0]?.name ?? 'main',
      site: client.site,
      region: site?.region ?? '',
      ...(site?.faultDomain !== undefined && { faultDomain: site.faultDomain }),
      exposure: exposureOf(client, inventory),
      capacity: client.capacity,
      open: usable.has(client.name),
    };
  });
}

function plannableKey(key: FleetKey, inventory: Inventory, movedBeforeMs: number): PlannableKey {
  const { allocation } = key;
  const client = inventory.validatorClients.find(({ name }) => name === key.validatorClient);
  const atHome = allocation && client ? honoursPair(client.name, allocation, inventory) : true;
  return {
    publicKey: key.publicKey,
    validatorClient: key.validatorClient,
    sinceMs: key.sinceMs,
    stake: Number(key.stakeGwei) / 32e9,
    // A key on its way to its own wish is not the planner's to move.
    frozen: key.moving || !atHome || key.sinceMs > movedBeforeMs,
    ...(allocation && {
      wish: { kind: allocation.kind, consensus: allocation.consensus, execution: allocation.execution },
    }),
  };
}

function honoursPair(name: string, wish: { consensus: string; execution: string }, inventory: Inventory): boolean {
  const client = inventory.validatorClients.find((one) => one.name === name);
  if (!client) return false;
  const cell = { exposure: exposureOf(client, inventory), id: name, operator: '', region: '', capacity: 0, open: true };
  return honours(cell, { kind: 'hard', consensus: wish.consensus, execution: wish.execution });
}

export async function storePlan(
  { dataSource, clock }: PlanDeps,
  { result, ...asked }: PlanDraft,
): Promise<RebalancingPlan> {
  const now = new Date(clock.nowMs());
  const implementationOf = new Map(
    asked.inventory.validatorClients.map((client) => [client.name, client.implementation]),
  );
  return dataSource.transaction(async (manager) => {
    if (asked.whatIf) {
      const old = new Date(now.getTime() - WHAT_IF_KEPT_MS);
      await manager.query('DELETE FROM rebalancing_plan WHERE what_if AND created_at < $1', [old]);
    } else {
      await manager.query(`UPDATE rebalancing_plan SET state = 'superseded' WHERE state = 'proposed' AND NOT what_if`);
    }
    const plan = await manager.getRepository(RebalancingPlan).save({
      state: 'proposed' as const,
      whatIf: asked.whatIf,
      createdAt: now,
      result: {
        certificate: result.certificate,
        shadow_prices: result.shadowPrices,
        unmet: result.unmet.map(({ stakeUnits, ...unmet }) => ({
          ...unmet,
          stake_gwei: Math.round(stakeUnits * 32e9).toString(),
        })),
        contradictions: result.contradictions,
        repoints: [],
        targets: asked.targets,
        budget: asked.budget,
      },
    });
    const rows = result.moves.map((move, position) => ({
      planId: plan.id,
      position,
      ...move,
      clientPair: `${implementationOf.get(move.from) ?? ''}>${implementationOf.get(move.to) ?? ''}`,
      state: 'planned' as const,
    }));
    await manager.getRepository(PlannedMove).save(rows, { chunk: 1000 });
    return manager.getRepository(RebalancingPlan).findOneByOrFail({ id: plan.id });
  });
}
