import type { Outside, Store } from '../../../src/fleet/moves/ports.js';
import { runMove } from '../../../src/fleet/moves/run-move.js';
import type { FaultRates } from './faults.js';
import { ModelOutside } from './model-outside.js';
import { isFinal, ModelStore } from './model-store.js';
import type { Mutations } from './mutations.js';
import { Random } from './random.js';
import { World } from './world.js';

export interface Outcome {
  readonly slashable: readonly string[];
  /** Moves that ended placed. */
  readonly placed: number;
  readonly started: number;
  readonly signatures: number;
  readonly history: readonly string[];
  readonly reasons: readonly string[];
}

const LEASE_MS = 6_000;
const OPTIONS = {
  flightCap: 100,
  leaseMs: LEASE_MS,
  pollMs: 1_000,
  patienceMs: 15_000,
  withoutRestartHook: 'hold',
  sampleAfterSlots: 1n,
} as const;

const KEY = 'key';

/** One schedule, the same for the same seed: two movers, a key that moves again and again, and what befalls them. */
export async function runSchedule(
  seed: number,
  rates: FaultRates,
  mutations: Mutations,
  ticks: number,
): Promise<Outcome> {
  const random = new Random(seed);
  const world = new World(['a', 'b', 'c']);
  for (const client of world.clients.values()) client.draw(random, rates, ticks);
  const nowMs = () => world.tick * 1000;
  const store = new ModelStore(nowMs, mutations);
  for (const [key, holder] of [
    [KEY, 'a'],
    ['control-a', 'a'],
    ['control-c', 'c'],
    ['control-b', 'b'],
  ] as const) {
    store.rights.set(key, holder);
    world.client(holder).keys.add(key);
    world.client(holder).seen.add(key);
  }
  const movers = [new Mover(0), new Mover(1)];
  const outside = new ModelOutside(world, random, rates, mutations);
  for (let tick = 0; tick < ticks; tick += 1) {
    world.step();
    if (tick >= 6) startNext(store, random, mutations);
    for (const mover of movers) mover.tick(world, store, outside, random, rates);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return {
    slashable: world.slashable,
    placed: store.rows.filter(({ record }) => record.state === 'placed').length,
    started: store.rows.length,
    signatures: world.signatures.length,
    history: store.history,
    reasons: store.rows.flatMap(({ record }) => record.holdReason ?? record.progress.waiting ?? []),
  };
}

function startNext(store: ModelStore, random: Random, mutations: Mutations): void {
  if (store.rows.some(({ record }) => !isFinal(record.state))) return;
  if (store.rows.length > 0 && !random.chance(0.5)) return;
  const from = store.rights.get(KEY) ?? 'a';
  const others = ['a', 'b', 'c'].filter((name) => name !== from);
  const to = others[random.below(2)] ?? 'b';
  store.start(KEY, from, to);
  if (mutations.twoMovesAtOnce) store.start(KEY, from, others.find((name) => name !== to) ?? 'c');
}

/** A broker process: works, sleeps, dies and is started again. */
class Mover {
  #busy = false;
  #deadUntil = 0;
  #life = 0;

  constructor(readonly index: number) {}

  tick(world: World, store: ModelStore, outside: Outside, random: Random, rates: FaultRates): void {
    if (this.#busy || world.tick < this.#deadUntil) return;
    this.#busy = true;
    const life = ++this.#life;
    const nowMs = () => world.tick * 1000;
    const die = () => {
      if (this.#life !== life) return;
      this.#busy = false;
      this.#deadUntil = world.tick + 1 + random.below(12);
    };
    const context = {
      store: perilous<Store>(store, world, random, rates, die),
      outside: perilous<Outside>(outside, world, random, rates, die),
      options: OPTIONS,
      nowMs,
    };
    void this.#work(context, nowMs()).then(() => {
      if (this.#life === life) this.#busy = false;
    });
  }

  async #work(context: Parameters<typeof runMove>[2], startedMs: number): Promise<void> {
    const lease = { untilMonotonicMs: startedMs + LEASE_MS - 1_000, untilMs: startedMs + LEASE_MS };
    for (const move of await context.store.claim(1, LEASE_MS)) await runMove(move, lease, context);
  }
}

/** A port whose every call may be the process's last, before or after its effect, or come much later than meant. */
function perilous<Port extends object>(
  port: Port,
  world: World,
  random: Random,
  rates: FaultRates,
  die: () => void,
): Port {
  if (rates.crash === 0 && rates.stall === 0) return port;
  return new Proxy(port, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...given: unknown[]) => {
        if (random.chance(rates.crash / 2)) return dead(die);
        if (random.chance(rates.stall)) {
          const ticks = 1 + random.below(random.chance(0.3) ? 90 : 10);
          await new Promise<void>((resolve) => world.at(world.tick + ticks, resolve));
        }
        const result: unknown = await method.apply(target, given);
        if (random.chance(rates.crash / 2)) return dead(die);
        return result;
      };
    },
  });
}

function dead(die: () => void): Promise<never> {
  die();
  return new Promise<never>(() => undefined);
}
