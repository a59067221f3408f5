/**
 * What the planner sees: no key, no name of a validator client, only counts (fleet.md, Planner). Stake is in units of
 * 32 ETH, so that one ordinary key is one unit; counts are whole keys.
 */
export type Layer = 'consensus' | 'execution' | 'pair' | 'group' | 'region' | 'fault_domain';

/** Part of a cell's stake that a bug in this pair would reach; the weights of a cell sum to 1. */
export interface Exposure {
  readonly consensus: string;
  readonly execution: string;
  readonly weight: number;
}

/** Validator clients that are alike for every target: one operator, site and exposure. */
export interface Cell {
  readonly id: string;
  readonly operator: string;
  readonly region: string;
  readonly faultDomain?: string;
  readonly exposure: readonly Exposure[];
  /** Keys it may hold, all together. */
  readonly capacity: number;
  /** Keys may come and go. */
  readonly open: boolean;
}

/** Where the staker wants the keys: `hard` may never be left, `soft` costs something to leave. */
export interface WishClass {
  readonly kind: 'hard' | 'soft';
  readonly consensus?: string;
  readonly execution?: string;
}

/** Keys that are alike for the planner, and how many of them each cell holds. */
export interface KeyClass {
  readonly id: string;
  readonly operator: string;
  /** Units of 32 ETH of one key. */
  readonly stake: number;
  readonly wish?: WishClass;
  /** Index of a cell → keys; ascending by cell. */
  readonly counts: readonly (readonly [cell: number, keys: number])[];
}

/** Keys that must not be touched in this run; they count for shares and capacity. */
export interface FrozenKeys {
  readonly cell: number;
  readonly stake: number;
  readonly keys: number;
}

/** One target for one name ("*" already spelt out). Fractions of the fleet's stake. */
export interface Bound {
  readonly layer: Layer;
  readonly name: string;
  readonly max?: number;
  readonly min?: number;
  /** Where planning aims once `max` is broken; ≤ max. */
  readonly inner?: number;
  /** Implementations of a group. */
  readonly members?: readonly string[];
}

export interface PlannerInput {
  readonly cells: readonly Cell[];
  readonly classes: readonly KeyClass[];
  readonly frozen: readonly FrozenKeys[];
  readonly bounds: readonly Bound[];
  /** Most keys one run may move. */
  readonly budget: number;
}

/** How much of a cell counts towards a bound, 0…1. */
export function exposureTo(cell: Cell, bound: Pick<Bound, 'layer' | 'name' | 'members'>): number {
  if (bound.layer === 'region') return cell.region === bound.name ? 1 : 0;
  if (bound.layer === 'fault_domain') return cell.faultDomain === bound.name ? 1 : 0;
  return cell.exposure.reduce((sum, part) => (touches(part, bound) ? sum + part.weight : sum), 0);
}

function touches(part: Exposure, bound: Pick<Bound, 'layer' | 'name' | 'members'>): boolean {
  switch (bound.layer) {
    case 'consensus':
      return part.consensus === bound.name;
    case 'execution':
      return part.execution === bound.name;
    case 'pair':
      return `${part.consensus}/${part.execution}` === bound.name;
    default:
      return (bound.members ?? []).some((member) => member === part.consensus || member === part.execution);
  }
}

/** Whether a key in this cell has what the wish asks, wholly. */
export function honours(cell: Cell, wish: WishClass): boolean {
  return cell.exposure.every(
    (part) =>
      (wish.consensus === undefined || part.consensus === wish.consensus) &&
      (wish.execution === undefined || part.execution === wish.execution),
  );
}

/** Stake in units per cell, frozen and movable. */
export function stakePerCell(input: PlannerInput): number[] {
  const stake = input.cells.map(() => 0);
  for (const frozen of input.frozen) stake[frozen.cell] = (stake[frozen.cell] ?? 0) + frozen.stake * frozen.keys;
  for (const group of input.classes) {
    for (const [cell, keys] of group.counts) stake[cell] = (stake[cell] ?? 0) + group.stake * keys;
  }
  return stake;
}

/** Keys per cell, frozen and movable. */
export function keysPerCell(input: PlannerInput): number[] {
  const keys = input.cells.map(() => 0);
  for (const frozen of input.frozen) keys[frozen.cell] = (keys[frozen.cell] ?? 0) + frozen.keys;
  for (const group of input.classes) {
    for (const [cell, count] of group.counts) keys[cell] = (keys[cell] ?? 0) + count;
  }
  return keys;
}

/** Stake in units that counts towards a bound. */
export function stakeUnder(cells: readonly Cell[], stake: readonly number[], bound: Bound): number {
  return cells.reduce((sum, cell, index) => sum + exposureTo(cell, bound) * (stake[index] ?? 0), 0);
}
