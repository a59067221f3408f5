import { DomainError } from '../../errors.js';
import type { PlanDeps } from './propose-plan.js';
import { RebalancingPlan } from './rebalancing-plan.js';

/**
 * Approves a proposed plan and supersedes the one in force: its moves underway go on, the others do not start.
 * Approving again changes nothing.
 * @throws DomainError `NoSuchPlan`, `NotApprovable` (what-if, superseded, mode observe).
 */
export async function approvePlan(
  deps: Pick<PlanDeps, 'dataSource' | 'clock' | 'diversity'>,
  id: string,
  approvedBy: string,
): Promise<RebalancingPlan> {
  return deps.dataSource.transaction(async (manager) => {
    // One approval at a time, or two proposals could both come to be in force.
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('fleet: plan in force'))`);
    const plans = manager.getRepository(RebalancingPlan);
    const plan = await plans.findOneBy({ id });
    if (!plan) throw new DomainError('NoSuchPlan', 'there is no such plan');
    if (plan.whatIf) throw new DomainError('NotApprovable', 'a what-if plan cannot be approved');
    if (plan.state === 'superseded') throw new DomainError('NotApprovable', 'a newer plan superseded this one');
    if (plan.state !== 'proposed') return plan;
    if (deps.diversity().mode === 'observe') {
      throw new DomainError('NotApprovable', 'the mode is observe (policies/diversity.yaml): plans are only shown');
    }
    const now = new Date(deps.clock.nowMs());
    await manager.query(
      `WITH old AS (UPDATE rebalancing_plan SET state = 'superseded', finished_at = $1 WHERE state IN ('approved', 'running') RETURNING id)
       UPDATE planned_move SET state = 'skipped', note = 'a newer plan was approved' WHERE plan_id IN (SELECT id FROM old) AND state = 'planned'`,
      [now],
    );
    await plans.update({ id }, { state: 'approved', approvedAt: now, approvedBy });
    return plans.findOneByOrFail({ id });
  });
}
