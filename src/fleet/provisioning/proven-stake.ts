import type { EntityManager } from 'typeorm';
import type { StakeSource } from '../contract.js';

/**
 * Stake proved by withdrawal credentials (authorization.md, "Control of stake"): the effective balances of the active
 * validators whose finalised 0x01 or 0x02 credentials carry the wallet's address. Computed from what the
 * beacon nodes said, never from the party; stake whose keys the party has named in an instance already counts there.
 */
export function provenStake(): StakeSource {
  const gweiOf: StakeSource['gweiOf'] = async ({ party, address }, manager: EntityManager) => {
    if (address === undefined || !/^0x[0-9a-f]{40}$/.test(address)) return 0n;
    const [row]: { gwei: string }[] = await manager.query(
      `SELECT coalesce(sum(s.effective_balance_gwei), 0)::text AS gwei FROM validator_stake s
        WHERE s.status LIKE 'active%'
          AND s.withdrawal_credentials IN ($1, $2)
          AND NOT EXISTS (
            SELECT 1 FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
             WHERE a.public_key = s.public_key AND a.released_at IS NULL AND w.named AND w.party = $3)`,
      [credentials('01', address), credentials('02', address), party],
    );
    return BigInt(row?.gwei ?? 0);
  };
  return { gweiOf, peek: gweiOf };
}

function credentials(prefix: '01' | '02', address: string): string {
  return `0x${prefix}${'00'.repeat(11)}${address.slice(2)}`;
}
