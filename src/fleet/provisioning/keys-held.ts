import type { EntityManager } from 'typeorm';
import type { StakeHolder } from '../contract.js';

/**
 * Pool keys that live instances hold on the holder's stake; named keys do not count. Stake of 0x00 credentials counts once:
 * what a wallet took that proved their key beside its account is held against the key alone too, and the other way round.
 */
export async function keysHeld(holder: StakeHolder, manager: EntityManager, exceptInstanceId = ''): Promise<number> {
  const [row]: { held: number }[] = await manager.query(
    `SELECT count(*)::int AS held FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
      WHERE a.released_at IS NULL AND NOT w.named AND w.instance_id <> $3
        AND (w.party = $1 OR w.withdrawal_credentials = $2)`,
    [holder.party, holder.withdrawalCredentials ?? null, exceptInstanceId],
  );
  return row?.held ?? 0;
}
