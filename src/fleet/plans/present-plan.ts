import type { DataSource } from 'typeorm';
import { PlannedMove, type RebalancingPlan } from './rebalancing-plan.js';

/** A plan as product.md shows it (Fleet API), with its state and what became of each move. */
export async function presentPlan(dataSource: DataSource, plan: RebalancingPlan) {
  const rows = await dataSource
    .getRepository(PlannedMove)
    .find({ where: { planId: plan.id }, order: { position: 'ASC' } });
  const progress = { planned: 0, started: 0, placed: 0, aborted: 0, skipped: 0 };
  for (const row of rows) progress[row.state] += 1;
  const { certificate, repoints, unmet, contradictions, shadow_prices, targets, budget } = plan.result;
  return {
    id: plan.id,
    state: plan.state,
    what_if: plan.whatIf,
    created_at: plan.createdAt.toISOString(),
    ...(plan.approvedAt && { approved_at: plan.approvedAt.toISOString(), approved_by: plan.approvedBy }),
    ...(plan.finishedAt && { finished_at: plan.finishedAt.toISOString() }),
    certificate,
    moves: rows.map((row) => ({
      public_key: row.publicKey,
      from: row.from,
      to: row.to,
      reason: row.reason,
      state: row.state,
      ...(row.moveId !== null && { move_id: row.moveId }),
      ...(row.note !== null && { note: row.note }),
    })),
    repoints,
    unmet,
    contradictions,
    shadow_prices,
    targets,
    budget,
    progress,
  };
}
