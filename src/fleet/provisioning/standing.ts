import type { DataSource } from 'typeorm';
import type { StakeHolder, StakeSource } from '../contract.js';
import { keysHeld } from './keys-held.js';
import { wholeKeys } from './whole-keys.js';

export interface Standing {
  /** The party's stake and the keys it stands for; absent while a part of it cannot be known. */
  readonly stakeGwei?: bigint;
  readonly stakeKeys?: number;
  /** Of those, how many its live instances hold; named keys do not count. */
  readonly keysHeld: number;
  readonly validatorInstances: number;
}

/** What a party's stake stands for and what it has of it. Asking takes nothing; the allocation counts again, under its lock. */
export async function standingOf(
  { dataSource, stake }: { readonly dataSource: DataSource; readonly stake: StakeSource },
  party: StakeHolder,
): Promise<Standing> {
  const { manager } = dataSource;
  const [row]: { instances: number }[] = await manager.query(
    'SELECT count(*)::int AS instances FROM wish WHERE ended_at IS NULL AND party = $1',
    [party.party],
  );
  const stakeGwei = await stake.peek(party, manager);
  return {
    ...(stakeGwei !== undefined && { stakeGwei, stakeKeys: wholeKeys(stakeGwei) }),
    keysHeld: await keysHeld(party, manager),
    validatorInstances: row?.instances ?? 0,
  };
}
