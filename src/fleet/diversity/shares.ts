import { exposureOf } from '../exposure.js';
import type { FleetKey } from '../fleet-state.js';
import type { Inventory } from '../inventory.js';
import { SHARE_TOLERANCE } from '../planner/limits.js';
import { type Bound, type Cell, exposureTo, type Layer } from '../planner/model.js';

export interface Share {
  readonly name: string;
  /** Fraction of the fleet's stake. */
  readonly share: number;
  readonly stakeGwei: bigint;
  /** Keys exposed, wholly or in part. */
  readonly keys: number;
}

export interface Shares {
  readonly stakeGwei: bigint;
  readonly consensus: readonly Share[];
  readonly execution: readonly Share[];
  readonly pair: readonly Share[];
}

export interface Violation {
  readonly layer: Layer;
  readonly name: string;
  readonly share: number;
  readonly limit: number;
}

/** A validator client as a cell of its own, with what it holds. */
interface Holding {
  readonly cell: Cell;
  stakeGwei: bigint;
  keys: number;
}

/** The fleet's stake per validator client of the inventory. */
export function holdings(keys: readonly FleetKey[], inventory: Inventory): Holding[] {
  const sites = new Map(inventory.sites.map((site) => [site.name, site]));
  const found = new Map<string, Holding>();
  for (const client of inventory.validatorClients) {
    const site = sites.get(client.site);
    const cell: Cell = {
      id: client.name,
      operator: inventory.operators[0]?.name ?? 'main',
      region: site?.region ?? '',
      ...(site?.faultDomain !== undefined && { faultDomain: site.faultDomain }),
      exposure: exposureOf(client, inventory),
      capacity: client.capacity,
      open: true,
    };
    found.set(client.name, { cell, stakeGwei: 0n, keys: 0 });
  }
  for (const key of keys) {
    const holding = found.get(key.validatorClient);
    if (!holding) continue;
    holding.stakeGwei += key.stakeGwei;
    holding.keys += 1;
  }
  return [...found.values()];
}

/** Shares by stake, the largest first; implementations without stake are listed with 0. */
export function sharesOf(held: readonly Holding[]): Shares {
  const total = held.reduce((sum, { stakeGwei }) => sum + stakeGwei, 0n);
  const of = (layer: 'consensus' | 'execution' | 'pair'): Share[] => {
    const names = new Set(
      held.flatMap(({ cell }) =>
        cell.exposure.map((part) => (layer === 'pair' ? `${part.consensus}/${part.execution}` : part[layer])),
      ),
    );
    return [...names]
      .map((name) => {
        const { share, gwei, keys } = under(held, { layer, name }, total);
        return { name, share, stakeGwei: gwei, keys };
      })
      .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1));
  };
  return { stakeGwei: total, consensus: of('consensus'), execution: of('execution'), pair: of('pair') };
}

/** One for each broken cap or floor. */
export function violationsOf(held: readonly Holding[], bounds: readonly Bound[]): Violation[] {
  const total = held.reduce((sum, { stakeGwei }) => sum + stakeGwei, 0n);
  if (total === 0n) return [];
  return bounds.flatMap((bound) => {
    const { share } = under(held, bound, total);
    const { layer, name, max, min } = bound;
    return [
      ...(max !== undefined && share > max + SHARE_TOLERANCE ? [{ layer, name, share, limit: max }] : []),
      ...(min !== undefined && share < min - SHARE_TOLERANCE ? [{ layer, name, share, limit: min }] : []),
    ];
  });
}

function under(
  held: readonly Holding[],
  bound: Pick<Bound, 'layer' | 'name' | 'members'>,
  total: bigint,
): { share: number; gwei: bigint; keys: number } {
  let gwei = 0n;
  let keys = 0;
  for (const { cell, stakeGwei, keys: count } of held) {
    const part = exposureTo(cell, bound);
    if (part === 0) continue;
    gwei += part === 1 ? stakeGwei : BigInt(Math.round(Number(stakeGwei) * part));
    keys += count;
  }
  return { share: total === 0n ? 0 : Number(gwei) / Number(total), gwei, keys };
}
