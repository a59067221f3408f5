import type { EntityManager } from 'typeorm';

/** Whether every one of the keys (lower-case 0x) belongs to a live instance of the party (security.md B1). */
export async function holdsKeys(
  party: string,
  publicKeys: readonly string[],
  manager: EntityManager,
): Promise<boolean> {
  const [row]: { held: number }[] = await manager.query(
    `SELECT count(DISTINCT a.public_key)::int AS held FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
      WHERE a.released_at IS NULL AND w.ended_at IS NULL AND w.party = $1 AND a.public_key = ANY($2)`,
    [party, publicKeys],
  );
  return row?.held === new Set(publicKeys).size;
}
