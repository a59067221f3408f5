import type { EntityManager } from 'typeorm';
import type { StakeSource } from '../contract.js';
import { GWEI_PER_KEY } from './whole-keys.js';

/**
 * The sandbox's given stake: the configured list, else one key for each wallet or BLS withdrawal key, for the first
 * `wallets` that ask. A place is kept for good, so that a restart changes nothing.
 */
export function sandboxStake(options: {
  readonly wallets?: number;
  /** Lower-case address → keys. */
  readonly list?: Readonly<Record<string, number>>;
}): StakeSource {
  const { wallets = 16, list } = options;
  return {
    async gweiOf({ party, address, withdrawalCredentials }, manager: EntityManager) {
      if (address === undefined && withdrawalCredentials === undefined) return 0n;
      if (list) return BigInt(list[address ?? ''] ?? 0) * GWEI_PER_KEY;
      // The caller holds the allocation lock: no two wallets take one place.
      await manager.query(
        `INSERT INTO sandbox_stake (position, party)
         SELECT next, $1 FROM (SELECT coalesce(max(position), 0) + 1 AS next FROM sandbox_stake) AS places
          WHERE next <= $2 ON CONFLICT (party) DO NOTHING`,
        [party, wallets],
      );
      const [place]: unknown[] = await manager.query('SELECT position FROM sandbox_stake WHERE party = $1', [party]);
      return place === undefined ? 0n : GWEI_PER_KEY;
    },
    async peek({ party, address, withdrawalCredentials }, manager: EntityManager) {
      if (address === undefined && withdrawalCredentials === undefined) return 0n;
      if (list) return BigInt(list[address ?? ''] ?? 0) * GWEI_PER_KEY;
      const [row]: { open: boolean }[] = await manager.query(
        'SELECT count(*) < $2 OR bool_or(party = $1) AS open FROM sandbox_stake',
        [party, wallets],
      );
      return row?.open === true ? GWEI_PER_KEY : 0n;
    },
  };
}
