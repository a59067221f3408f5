import type { Bound, Cell, Exposure, FrozenKeys, KeyClass, PlannerInput, WishClass } from './model.js';

/** A validator client as the planner needs it. */
export interface PlannableClient {
  readonly name: string;
  readonly operator: string;
  readonly site: string;
  readonly region: string;
  readonly faultDomain?: string;
  readonly exposure: readonly Exposure[];
  readonly capacity: number;
  /** Up, so that keys can leave it and come to it. */
  readonly open: boolean;
}

/** A key that has, or is about to have, a validator client. */
export interface PlannableKey {
  /** Lower-case 0x, 48 bytes. */
  readonly publicKey: string;
  /** Where it is, or where its unfinished move leads. */
  readonly validatorClient: string;
  /** Milliseconds since 1970: dwell counts from here. */
  readonly sinceMs: number;
  /** Units of 32 ETH. */
  readonly stake: number;
  /** In an unfinished move, held, moved too lately, or waiting for its own wish. */
  readonly frozen: boolean;
  readonly wish?: WishClass;
}

/** The planner's input, with the way back from counts to keys. */
export interface Aggregate {
  readonly input: PlannerInput;
  /** Validator clients of each cell, by name. */
  readonly clients: readonly (readonly PlannableClient[])[];
  /** Keys of class k in cell c, longest dwell first: `members[k].get(c)`. */
  readonly members: readonly ReadonlyMap<number, readonly PlannableKey[]>[];
  /** Keys held per validator client. */
  readonly held: ReadonlyMap<string, number>;
}

/** Beyond so many different balances keys are put together in bands of two units (64 ETH), with the band's mean stake. */
const MOST_STAKES = 64;

export function aggregate(
  clients: readonly PlannableClient[],
  keys: readonly PlannableKey[],
  bounds: readonly Bound[],
  budget: number,
): Aggregate {
  const { cells, members: cellClients, cellOf } = cellsOf(clients);
  const operatorOf = new Map(clients.map((client) => [client.name, client.operator]));
  const stakeOf = stakeBands(keys);
  const held = new Map<string, number>();
  const frozen = new Map<string, { cell: number; stake: number; keys: number }>();
  const classes = new Map<string, { group: Omit<KeyClass, 'counts'>; members: Map<number, PlannableKey[]> }>();
  for (const key of keys) {
    const cell = cellOf.get(key.validatorClient);
    if (cell === undefined) continue;
    held.set(key.validatorClient, (held.get(key.validatorClient) ?? 0) + 1);
    const stake = stakeOf(key.stake);
    if (key.frozen || cells[cell]?.open === false) {
      const id = `${cell}|${stake}`;
      const group = frozen.get(id) ?? { cell, stake, keys: 0 };
      group.keys += 1;
      frozen.set(id, group);
      continue;
    }
    const operator = operatorOf.get(key.validatorClient) ?? '';
    const { wish } = key;
    const id = `${operator}|${stake}|${wish ? `${wish.kind}|${wish.consensus ?? ''}|${wish.execution ?? ''}` : ''}`;
    let found = classes.get(id);
    if (!found) {
      found = { group: { id, operator, stake, ...(wish && { wish }) }, members: new Map() };
      classes.set(id, found);
    }
    const list = found.members.get(cell);
    if (list) list.push(key);
    else found.members.set(cell, [key]);
  }
  const ordered = [...classes.values()].sort((a, b) => compare(a.group.id, b.group.id));
  for (const { members } of ordered) for (const list of members.values()) list.sort(byDwell);
  const input: PlannerInput = {
    cells,
    classes: ordered.map(({ group, members }) => ({
      ...group,
      counts: [...members].map(([cell, list]) => [cell, list.length] as const).sort(([a], [b]) => a - b),
    })),
    frozen: frozenInOrder(frozen),
    bounds,
    budget,
  };
  return { input, clients: cellClients, members: ordered.map(({ members }) => members), held };
}

function frozenInOrder(frozen: ReadonlyMap<string, FrozenKeys>): FrozenKeys[] {
  return [...frozen.values()].sort((a, b) => a.cell - b.cell || a.stake - b.stake);
}

function cellsOf(clients: readonly PlannableClient[]): {
  cells: Cell[];
  members: PlannableClient[][];
  cellOf: Map<string, number>;
} {
  const groups = new Map<string, PlannableClient[]>();
  for (const client of [...clients].sort((a, b) => compare(a.name, b.name))) {
    const id = [
      client.operator,
      client.site,
      ...client.exposure.map((part) => `${part.consensus}/${part.execution}=${part.weight}`).sort(),
      client.open ? '' : 'closed',
    ].join(' ');
    groups.set(id, [...(groups.get(id) ?? []), client]);
  }
  const ordered = [...groups].sort(([a], [b]) => compare(a, b));
  const cellOf = new Map<string, number>();
  const cells = ordered.flatMap(([id, members], index): Cell[] => {
    const [first] = members;
    if (!first) return [];
    for (const client of members) cellOf.set(client.name, index);
    return [
      {
        id: id.trim(),
        operator: first.operator,
        region: first.region,
        ...(first.faultDomain !== undefined && { faultDomain: first.faultDomain }),
        exposure: first.exposure,
        capacity: members.reduce((sum, client) => sum + client.capacity, 0),
        open: first.open,
      },
    ];
  });
  return { cells, members: ordered.map(([, members]) => members), cellOf };
}

function stakeBands(keys: readonly PlannableKey[]): (stake: number) => number {
  const counts = new Map<number, number>();
  for (const { stake } of keys) counts.set(stake, (counts.get(stake) ?? 0) + 1);
  if (counts.size <= MOST_STAKES) return (stake) => stake;
  const bands = new Map<number, { sum: number; keys: number }>();
  for (const [stake, number] of [...counts].sort(([a], [b]) => a - b)) {
    const band = bands.get(Math.floor(stake / 2)) ?? { sum: 0, keys: 0 };
    bands.set(Math.floor(stake / 2), { sum: band.sum + stake * number, keys: band.keys + number });
  }
  return (stake) => {
    const band = bands.get(Math.floor(stake / 2));
    return band ? band.sum / band.keys : stake;
  };
}

function byDwell(a: PlannableKey, b: PlannableKey): number {
  return a.sinceMs - b.sinceMs || compare(a.publicKey, b.publicKey);
}

/** Bytewise, so that order depends on no locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
