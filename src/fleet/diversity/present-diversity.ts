import type { FleetKey } from '../fleet-state.js';
import type { Inventory } from '../inventory.js';
import type { Bound } from '../planner/model.js';
import type { DiversityPolicy } from '../targets/targets.js';
import { riskOf } from './risk.js';
import { holdings, type Share, sharesOf, violationsOf } from './shares.js';

/** Body of `GET /fleet/diversity` (fleet.md, Shapes). Stakes in gwei are decimal strings. */
export function presentDiversity(fleet: {
  readonly asOf: Date;
  readonly keys: readonly FleetKey[];
  readonly inventory: Inventory;
  readonly policy: DiversityPolicy;
  readonly bounds: readonly Bound[];
}) {
  const held = holdings(fleet.keys, fleet.inventory);
  const shares = sharesOf(held);
  const { network, targets, mode } = fleet.policy;
  return {
    as_of: fleet.asOf.toISOString(),
    mode,
    stake_gwei: shares.stakeGwei.toString(),
    keys: fleet.keys.length,
    shares: {
      consensus: shares.consensus.map(presentShare),
      execution: shares.execution.map(presentShare),
      pair: shares.pair.map(presentShare),
    },
    targets: targets.map(({ layer, name, max, min, inner }) => ({
      layer,
      name,
      ...(max !== undefined && { max }),
      ...(min !== undefined && { min }),
      ...(inner !== undefined && { inner }),
    })),
    violations: violationsOf(held, fleet.bounds),
    risk: riskOf(shares, network),
    network: network
      ? {
          source: network.source,
          as_of: network.asOf.toISOString(),
          consensus: network.consensus,
          execution: network.execution,
        }
      : { source: 'none' },
  };
}

function presentShare({ name, share, stakeGwei, keys }: Share) {
  return { name, share, stake_gwei: stakeGwei.toString(), keys };
}
