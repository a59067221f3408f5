import type { EntityManager } from 'typeorm';
import type { StakeSource } from '../contract.js';
import { holderCredentials } from './holder-credentials.js';

/**
 * Stake proved by withdrawal credentials (authorization.md, "Control of stake"): the effective balances of the active
 * validators whose finalised credentials are the holder's. Computed from what the beacon nodes said, never from the party;
 * stake whose keys a party has named in an instance already counts there.
 */
export function provenStake(): StakeSource {
  const gweiOf: StakeSource['gweiOf'] = async (holder, manager: EntityManager) => {
    const [row]: { gwei: string }[] = await manager.query(
      `SELECT coalesce(sum(s.effective_balance_gwei), 0)::text AS gwei FROM validator_stake s
        WHERE s.status LIKE 'active%'
          AND s.withdrawal_credentials = ANY($1)
          AND NOT EXISTS (
            SELECT 1 FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
             WHERE a.public_key = s.public_key AND a.released_at IS NULL AND w.named AND w.subject_kind = 'party')`,
      [holderCredentials(holder)],
    );
    return BigInt(row?.gwei ?? 0);
  };
  return { gweiOf, peek: gweiOf };
}
