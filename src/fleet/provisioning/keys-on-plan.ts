import type { EntityManager } from 'typeorm';

/** Keys of all live instances of the catalog's plan with this key, pool keys and named ones. */
export async function keysOnPlan(plan: string, manager: EntityManager): Promise<number> {
  const [row]: { keys: number }[] = await manager.query(
    `SELECT count(*)::int AS keys FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
      WHERE a.released_at IS NULL AND w.ended_at IS NULL AND w.plan = $1`,
    [plan],
  );
  return row?.keys ?? 0;
}
