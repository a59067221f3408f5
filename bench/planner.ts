/**
 * Figures of the planner: time, memory, moves, against a plain greedy (`over`: keys it leaves beyond the planned limits, `missed`:
 * wishes not honoured). `node dist/bench/planner.js [keys …]`
 * The fleet is synthetic and always the same: 20 operators, 2–3 sites each, 6 × 5 pairs of which a site has about 60 %, shares as
 * skewed as the network's, a fifth of the keys with wishes (soft and hard) in the second run.
 */
import { aggregate, type PlannableClient, type PlannableKey } from '../src/fleet/planner/aggregate.js';
import { chooseKeys } from '../src/fleet/planner/choose-keys.js';
import { type Limit, limitsOf } from '../src/fleet/planner/limits.js';
import {
  type Bound,
  exposureTo,
  honours,
  keysPerCell,
  type PlannerInput,
  type WishClass,
} from '../src/fleet/planner/model.js';
import { type Flow, optimise } from '../src/fleet/planner/optimise.js';
import { HighsSolver } from '../src/fleet/planner/solver.js';

const CONSENSUS = { lighthouse: 0.52, prysm: 0.18, teku: 0.13, nimbus: 0.1, lodestar: 0.04, grandine: 0.03 };
const EXECUTION = { geth: 0.43, nethermind: 0.43, besu: 0.08, erigon: 0.03, reth: 0.03 };
const REGIONS = ['eu-central', 'eu-north', 'us-east', 'ap-south'];
const OPERATORS = 20;

/** Lehmer's generator: the same fleet at every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function makeFleet(keyCount: number, wishes: boolean): { clients: PlannableClient[]; keys: PlannableKey[] } {
  const next = random(20_261_121);
  const clients: PlannableClient[] = [];
  const weights: number[] = [];
  for (let o = 0; o < OPERATORS; o += 1) {
    const sites = 2 + Math.floor(next() * 2);
    for (let s = 0; s < sites; s += 1) {
      const region = REGIONS[Math.floor(next() * REGIONS.length)] ?? 'eu-central';
      for (const [consensus, c] of Object.entries(CONSENSUS)) {
        for (const [execution, e] of Object.entries(EXECUTION)) {
          if (s > 0 && next() > 0.6) continue;
          const name = `o${o}-s${s}-${consensus}-${execution}`;
          const exposure = [{ consensus, execution, weight: 1 }];
          clients.push({
            name,
            operator: `o${o}`,
            site: `o${o}-s${s}`,
            region,
            faultDomain: `o${o}-s${s}`,
            exposure,
            capacity: 0,
            open: true,
          });
          weights.push(c * e * (0.3 + next() * 1.4));
        }
      }
    }
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const keys: PlannableKey[] = [];
  const held = clients.map((_, i) => Math.floor(((weights[i] ?? 0) / sum) * keyCount));
  held[0] = (held[0] ?? 0) + keyCount - held.reduce((total, count) => total + count, 0);
  const sized = clients.map((client, i) => ({
    ...client,
    capacity: Math.ceil(Math.max((held[i] ?? 0) * 1.1, (1.6 * keyCount) / clients.length)),
  }));
  sized.forEach((client, i) => {
    for (let k = 0; k < (held[i] ?? 0); k += 1) {
      const wish = wishes ? wishOf(next) : undefined;
      const publicKey = `0x${keys.length.toString(16).padStart(96, '0')}`;
      keys.push({
        publicKey,
        validatorClient: client.name,
        sinceMs: Math.floor(next() * 1e9),
        stake: 1,
        frozen: false,
        ...(wish && { wish }),
      });
    }
  });
  return { clients: sized, keys };
}

function wishOf(next: () => number): WishClass | undefined {
  const kind = next();
  if (kind < 0.8) return undefined;
  const pick = (names: string[]) => names[Math.floor(next() * names.length)] ?? '';
  const layer =
    next() < 0.55 ? { consensus: pick(Object.keys(CONSENSUS)) } : { execution: pick(Object.keys(EXECUTION)) };
  return { kind: kind < 0.94 ? 'soft' : 'hard', ...layer };
}

function bounds(): Bound[] {
  return [
    ...Object.keys(CONSENSUS).map((name) => ({ layer: 'consensus' as const, name, max: 0.33 })),
    ...Object.keys(EXECUTION).map((name) => ({ layer: 'execution' as const, name, max: 0.4 })),
    ...Object.keys(CONSENSUS).flatMap((c) =>
      Object.keys(EXECUTION).map((e) => ({ layer: 'pair' as const, name: `${c}/${e}`, max: 0.2 })),
    ),
    ...REGIONS.map((name) => ({ layer: 'region' as const, name, max: 0.45 })),
  ];
}

/**
 * The plain way: honour wishes first, then, while a cap is broken, move keys from its fullest cell to the roomiest cell of the
 * same operator that breaks nothing and relieves most broken caps. Counts only, as many keys at once as both sides allow.
 */
function greedyMoves(input: PlannerInput, limits: readonly Limit[]): { moves: number; over: number; missed: number } {
  const held = keysPerCell(input);
  const counts = input.classes.map((group) => new Map(group.counts));
  const load = limits.map((limit) => limit.current);
  let moves = 0;
  const roomUnder = (from: number, to: number) => {
    let room = (input.cells[to]?.capacity ?? 0) - (held[to] ?? 0);
    limits.forEach(({ bound, upper }, j) => {
      const [a, b] = [input.cells[from], input.cells[to]];
      if (upper && a && b && exposureTo(b, bound) > exposureTo(a, bound))
        room = Math.min(room, upper.aim - (load[j] ?? 0));
    });
    return Math.floor(room);
  };
  const move = (k: number, from: number, to: number, keys: number) => {
    const group = counts[k];
    group?.set(from, (group.get(from) ?? 0) - keys);
    group?.set(to, (group.get(to) ?? 0) + keys);
    held[from] = (held[from] ?? 0) - keys;
    held[to] = (held[to] ?? 0) + keys;
    limits.forEach(({ bound }, j) => {
      const [a, b] = [input.cells[from], input.cells[to]];
      if (a && b) load[j] = (load[j] ?? 0) + keys * (exposureTo(b, bound) - exposureTo(a, bound));
    });
    moves += keys;
  };
  /** How many caps broken at the moment a move would relieve. */
  const relieved = (from: number, to: number) => {
    const [a, b] = [input.cells[from], input.cells[to]];
    if (!a || !b) return 0;
    return limits.filter(
      ({ bound, upper }, j) => upper && (load[j] ?? 0) > upper.aim && exposureTo(a, bound) > exposureTo(b, bound),
    ).length;
  };
  const empty = (k: number, from: number, want: number): number => {
    const group = input.classes[k];
    let left = Math.min(want, counts[k]?.get(from) ?? 0);
    const targets = input.cells
      .map((cell, c) => ({ cell, c, relieved: relieved(from, c), room: cell.capacity - (held[c] ?? 0) }))
      .filter(
        ({ cell, c }) => c !== from && cell.operator === group?.operator && (!group.wish || honours(cell, group.wish)),
      )
      .sort((x, y) => y.relieved - x.relieved || y.room - x.room);
    for (const { c } of targets) {
      const keys = Math.min(left, roomUnder(from, c));
      if (keys <= 0) continue;
      move(k, from, c, keys);
      left -= keys;
      if (left === 0) break;
    }
    return left;
  };
  input.classes.forEach(({ wish }, k) => {
    if (!wish) return;
    for (const [cell, keys] of [...(counts[k] ?? [])]) {
      const place = input.cells[cell];
      if (place && !honours(place, wish)) empty(k, cell, keys);
    }
  });
  limits.forEach(({ bound, upper }, j) => {
    if (!upper) return;
    const cells = input.cells.map((cell, c) => ({ cell, c })).filter(({ cell }) => exposureTo(cell, bound) > 0);
    cells.sort((a, b) => (held[b.c] ?? 0) - (held[a.c] ?? 0));
    for (const { c } of cells) {
      for (let k = 0; k < counts.length && (load[j] ?? 0) > upper.aim; k += 1) {
        const group = input.classes[k];
        const place = input.cells[c];
        if (group?.wish && place && honours(place, group.wish)) continue;
        empty(k, c, Math.ceil((load[j] ?? 0) - upper.aim));
      }
    }
  });
  const over = limits.reduce(
    (sum, { upper }, j) => sum + Math.max((load[j] ?? 0) - (upper?.aim ?? Number.POSITIVE_INFINITY), 0),
    0,
  );
  return { moves, over, missed: missedWishes(input, counts) };
}

/** Keys that are not where their wish wants them. */
function missedWishes(input: PlannerInput, counts: readonly ReadonlyMap<number, number>[]): number {
  return input.classes.reduce((sum, { wish }, k) => {
    if (!wish) return sum;
    const outside = [...(counts[k] ?? [])].filter(([c]) => {
      const cell = input.cells[c];
      return cell !== undefined && !honours(cell, wish);
    });
    return sum + outside.reduce((part, [, keys]) => part + keys, 0);
  }, 0);
}

function after(input: PlannerInput, flows: readonly Flow[]): Map<number, number>[] {
  return input.classes.map(({ counts }, k) => {
    const held = new Map(counts);
    for (const [cell, keys] of flows[k]?.leave ?? []) held.set(cell, (held.get(cell) ?? 0) - keys);
    for (const [cell, keys] of flows[k]?.arrive ?? []) held.set(cell, (held.get(cell) ?? 0) + keys);
    return held;
  });
}

const sizes = process.argv.slice(2).map(Number);
const solver = new HighsSolver();
const rows: Record<string, string | number>[] = [];
for (const size of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
  for (const wishes of [false, true]) {
    const { clients, keys } = makeFleet(size, wishes);
    const start = performance.now();
    const grouped = aggregate(clients, keys, bounds(), size);
    const counted = performance.now();
    const outcome = await optimise(grouped.input, solver);
    const solved = performance.now();
    const moves = chooseKeys(grouped, outcome).length;
    const chosen = performance.now();
    const { limits } = limitsOf(grouped.input);
    const greedy = greedyMoves(grouped.input, limits);
    rows.push({
      keys: size,
      wishes: wishes ? 'a fifth' : 'none',
      cells: grouped.input.cells.length,
      classes: grouped.input.classes.length,
      'aggregate ms': Math.round(counted - start),
      'solve ms': Math.round(solved - counted),
      'choose ms': Math.round(chosen - solved),
      'total ms': Math.round(chosen - start),
      'MB (rss)': Math.round(process.memoryUsage().rss / 1e6),
      moves,
      gap: outcome.certificate.gap,
      violation: outcome.certificate.violation.value,
      missed: missedWishes(grouped.input, after(grouped.input, outcome.flows)),
      'greedy moves': greedy.moves,
      'greedy over': Math.round(greedy.over),
      'greedy missed': greedy.missed,
    });
  }
}
console.table(rows);
await solver.close();
