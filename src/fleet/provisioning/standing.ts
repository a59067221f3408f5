import type { DataSource } from 'typeorm';
import type { StakeHolder, StakeSource } from '../contract.js';
import { wholeKeys } from './whole-keys.js';

export interface Standing {
  readonly stakeGwei: bigint;
  /** Keys the party's stake stands for. */
  readonly stakeKeys: number;
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
  const [row]: { held: number; instances: number }[] = await manager.query(
    `SELECT count(a.id) FILTER (WHERE NOT w.named)::int AS held, count(DISTINCT w.id)::int AS instances
       FROM wish w LEFT JOIN instance_allocation a ON a.wish_id = w.id AND a.released_at IS NULL
      WHERE w.ended_at IS NULL AND w.party = $1`,
    [party.party],
  );
  const stakeGwei = await stake.peek(party, manager);
  return {
    stakeGwei,
    stakeKeys: wholeKeys(stakeGwei),
    keysHeld: row?.held ?? 0,
    validatorInstances: row?.instances ?? 0,
  };
}
