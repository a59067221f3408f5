import type { PlannableClient, PlannableKey } from '../../src/fleet/planner/aggregate.js';
import { type Bound, type Cell, exposureTo } from '../../src/fleet/planner/model.js';

/** A fleet in the planner's own terms, one operator. */
export interface Fleet {
  readonly clients: readonly PlannableClient[];
  readonly keys: readonly PlannableKey[];
  readonly bounds: readonly Bound[];
  readonly budget: number;
}

export function fleet(
  clients: readonly { consensus: string; execution: string; capacity: number }[],
  keys: readonly PlannableKey[],
  bounds: readonly Bound[],
  budget: number,
): Fleet {
  return {
    clients: clients.map(({ consensus, execution, capacity }) => ({
      name: `${consensus}-${execution}`,
      operator: 'main',
      site: 'one',
      region: 'eu',
      exposure: [{ consensus, execution, weight: 1 }],
      capacity,
      open: true,
    })),
    keys,
    bounds,
    budget,
  };
}

export function key(index: number, validatorClient: string): PlannableKey {
  return {
    publicKey: `0x${index.toString(16).padStart(96, '0')}`,
    validatorClient,
    sinceMs: index,
    stake: 1,
    frozen: false,
  };
}

export function applied(before: Fleet, moves: readonly { publicKey: string; from: string; to: string }[]): Fleet {
  const to = new Map(moves.map((move) => [move.publicKey, move.to]));
  return {
    ...before,
    keys: before.keys.map((one) => ({ ...one, validatorClient: to.get(one.publicKey) ?? one.validatorClient })),
  };
}

export function sharesOf({ clients, keys }: Fleet, layer: 'consensus' | 'execution'): Map<string, number> {
  const total = keys.reduce((sum, one) => sum + one.stake, 0);
  const shares = new Map<string, number>();
  for (const one of keys) {
    const name = clients.find((client) => client.name === one.validatorClient)?.exposure[0]?.[layer] ?? '';
    shares.set(name, (shares.get(name) ?? 0) + one.stake / total);
  }
  return shares;
}

interface Score {
  /** What lies outside targets and hard wishes; soft wishes count in the price. */
  readonly violation: number;
  readonly price: number;
}

/** The planner's goals written down a second time, plainly, over keys instead of counts. */
export function score(before: Fleet, after: Fleet): Score {
  const total = before.keys.reduce((sum, one) => sum + one.stake, 0);
  let violation = 0;
  for (const bound of before.bounds) {
    const now = under(before, bound);
    const then = under(after, bound);
    const weight = (bound.max ?? 0) >= 0.6 ? 100 : (bound.max ?? 0) >= 0.45 ? 10 : 1;
    const steps = roundable(before);
    if (bound.max !== undefined && bound.max < 1) {
      const outer = steps.down(bound.max * total);
      const inner = steps.down(0.95 * bound.max * total);
      const broken = now > (bound.max + 1e-9) * total;
      const aim = broken ? inner : Math.min(Math.max(inner, now), Math.max(outer, now));
      const over = Math.max(then - aim, 0);
      const cheap = Math.min(over, Math.max(outer - aim, 0));
      violation += weight * (0.001 * cheap + (over - cheap));
    }
    if (bound.min !== undefined) violation += weight * Math.max(steps.up(bound.min * total) - then, 0);
  }
  let price = 0;
  after.keys.forEach((one, i) => {
    if (one.validatorClient !== before.keys[i]?.validatorClient) price += 1;
    if (!one.wish || one.frozen) return;
    const home = before.clients.find((client) => client.name === one.validatorClient)?.exposure[0]?.consensus;
    if (home === one.wish.consensus) return;
    if (one.wish.kind === 'hard') violation += 10_000;
    else price += 2;
  });
  return { violation, price };
}

/** Every way to place the movable keys, judged by `score`: the least violation, then the least price. */
export function best(before: Fleet): Score & { readonly needed: boolean } {
  const total = before.keys.reduce((sum, one) => sum + one.stake, 0);
  const needed =
    before.bounds.some((bound) => {
      const now = under(before, bound);
      return now > ((bound.max ?? 1) + 1e-9) * total || now < ((bound.min ?? 0) - 1e-9) * total;
    }) ||
    before.keys.some(
      (one) =>
        !one.frozen &&
        one.wish &&
        !before.clients
          .find((c) => c.name === one.validatorClient)
          ?.exposure.some((part) => part.consensus === one.wish?.consensus),
    );
  let found: Score = score(before, before);
  if (!needed) return { ...found, needed };
  const walk = (index: number, keys: PlannableKey[], moves: number) => {
    if (moves > before.budget) return;
    const one = before.keys[index];
    if (!one) {
      const after = { ...before, keys };
      if (!fits(before, after)) return;
      const next = score(before, after);
      if (
        next.violation < found.violation - 1e-9 ||
        (next.violation < found.violation + 1e-9 && next.price < found.price - 1e-9)
      )
        found = next;
      return;
    }
    for (const client of one.frozen ? [{ name: one.validatorClient }] : before.clients) {
      const stays = client.name === one.validatorClient;
      // A hard wish may be left unhonoured, never broken.
      if (!stays && one.wish?.kind === 'hard' && !client.name.startsWith(`${one.wish.consensus}-`)) continue;
      walk(index + 1, [...keys, stays ? one : { ...one, validatorClient: client.name }], moves + (stays ? 0 : 1));
    }
  };
  walk(0, [], 0);
  return { ...found, needed };
}

function fits(before: Fleet, after: Fleet): boolean {
  return before.clients.every((client) => {
    const held = (keys: readonly PlannableKey[]) => keys.filter((one) => one.validatorClient === client.name).length;
    return held(after.keys) <= Math.max(client.capacity, held(before.keys));
  });
}

function under({ clients, keys }: Fleet, bound: Bound): number {
  return keys.reduce((sum, one) => {
    const client = clients.find(({ name }) => name === one.validatorClient);
    return client ? sum + one.stake * exposureTo({ ...client, id: '' } satisfies Cell, bound) : sum;
  }, 0);
}

/** With equal stakes limits are whole keys. */
function roundable({ keys }: Fleet): { down(units: number): number; up(units: number): number } {
  const stakes = new Set(keys.map((one) => one.stake));
  const [unit = 1] = stakes;
  if (stakes.size !== 1) return { down: (units) => units, up: (units) => units };
  return {
    down: (units) => Math.floor(units / unit + 1e-6) * unit,
    up: (units) => Math.ceil(units / unit - 1e-6) * unit,
  };
}
