import { type Aggregate, compare, type PlannableClient, type PlannableKey } from './aggregate.js';
import type { Outcome } from './optimise.js';

export interface ChosenMove {
  readonly key: PlannableKey;
  readonly from: string;
  readonly to: string;
  readonly fromCell: number;
  readonly toCell: number;
}

/**
 * From counts back to keys: in each class and cell those with the longest dwell (then the lowest public key); at the
 * destination the validator client with most room (then the first name).
 */
export function chooseKeys(aggregate: Aggregate, outcome: Outcome): ChosenMove[] {
  const held = new Map(aggregate.held);
  const chosen: { key: PlannableKey; fromCell: number; toCell: number }[] = [];
  outcome.flows.forEach((flow, k) => {
    const leaving = flow.leave.flatMap(([cell, count]) =>
      (aggregate.members[k]?.get(cell) ?? []).slice(0, count).map((key) => ({ key, fromCell: cell })),
    );
    const places = flow.arrive.flatMap(([cell, count]) => Array.from({ length: count }, () => cell));
    leaving.forEach(({ key, fromCell }, index) => {
      const toCell = places[index];
      if (toCell !== undefined) chosen.push({ key, fromCell, toCell });
    });
  });
  for (const { key } of chosen) held.set(key.validatorClient, (held.get(key.validatorClient) ?? 0) - 1);
  return chosen.map(({ key, fromCell, toCell }) => {
    const to = roomiest(aggregate.clients[toCell] ?? [], held);
    held.set(to, (held.get(to) ?? 0) + 1);
    return { key, from: key.validatorClient, to, fromCell, toCell };
  });
}

function roomiest(clients: readonly PlannableClient[], held: ReadonlyMap<string, number>): string {
  const free = (client: PlannableClient) => client.capacity - (held.get(client.name) ?? 0);
  const [first] = [...clients].sort((a, b) => free(b) - free(a) || compare(a.name, b.name));
  if (!first) throw new Error('a cell without validator clients');
  return first.name;
}
