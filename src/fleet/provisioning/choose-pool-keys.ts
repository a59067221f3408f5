import type { Pair } from '../contract.js';
import { exposureOf } from '../exposure.js';
import type { FleetKey } from '../fleet-state.js';
import type { Inventory } from '../inventory.js';
import type { Bound } from '../planner/model.js';

export interface ChosenKey {
  readonly key: FleetKey;
  readonly pair: Pair;
}

/**
 * Pool keys for the pairs asked: each time one from the consensus implementation furthest above its target, there from the execution
 * implementation furthest above its own, then the longest dwell. Fewer than asked when the pool is empty.
 */
export function choosePoolKeys(
  pairs: readonly Pair[],
  keys: readonly FleetKey[],
  inventory: Inventory,
  bounds: readonly Bound[],
  usable: ReadonlySet<string>,
): ChosenKey[] {
  const mainPart = new Map(inventory.validatorClients.map((client) => [client.name, exposureOf(client, inventory)[0]]));
  const held = { consensus: new Map<string, number>(), execution: new Map<string, number>() };
  const count = (layer: 'consensus' | 'execution', name: string, change: number) =>
    held[layer].set(name, (held[layer].get(name) ?? 0) + change);
  for (const key of keys) {
    const part = mainPart.get(key.validatorClient);
    if (!part) continue;
    count('consensus', part.consensus, 1);
    count('execution', part.execution, 1);
  }
  const excess = (layer: 'consensus' | 'execution', name: string) =>
    (held[layer].get(name) ?? 0) / keys.length -
    (bounds.find((bound) => bound.layer === layer && bound.name === name)?.max ?? 1);
  const pool = keys.filter((key) => !key.allocation && !key.moving && usable.has(key.validatorClient));
  const chosen: ChosenKey[] = [];
  for (const pair of pairs) {
    const [best] = pool
      .flatMap((key, index) => {
        const part = mainPart.get(key.validatorClient);
        if (!part) return [];
        return [
          {
            key,
            index,
            part,
            above: [excess('consensus', part.consensus), excess('execution', part.execution)] as const,
          },
        ];
      })
      .sort(
        (a, b) =>
          b.above[0] - a.above[0] ||
          b.above[1] - a.above[1] ||
          a.key.sinceMs - b.key.sinceMs ||
          (a.key.publicKey < b.key.publicKey ? -1 : 1),
      );
    if (!best) break;
    pool.splice(best.index, 1);
    count('consensus', best.part.consensus, -1);
    count('execution', best.part.execution, -1);
    count('consensus', pair.consensus, 1);
    count('execution', pair.execution, 1);
    chosen.push({ key: best.key, pair });
  }
  return chosen;
}
