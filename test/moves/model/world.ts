import type { DeleteStatus, ImportStatus } from '../../../src/fleet/moves/ports.js';
import { surrounds } from '../../../src/keys/slashing-protection/rules.js';
import type { Watermark } from '../../../src/keys/slashing-protection/watermark.js';
import { type FaultRates, NEVER, type Window, window, within } from './faults.js';
import type { Random } from './random.js';

export const SLOTS = 4;
const LONG = 90;

interface Signature {
  readonly publicKey: string;
  readonly client: string;
  readonly sourceEpoch: bigint;
  readonly targetEpoch: bigint;
  readonly tick: number;
}

/** A validator client of the model: honest where its faults do not say otherwise. */
export class ModelClient {
  readonly keys = new Set<string>();
  /** Signs with these, but lists them not. */
  readonly hidden = new Set<string>();
  /** Comes back to the keys at this tick. */
  readonly sleeping = new Map<string, number>();
  /** A key just imported has its first duties an epoch or two later. */
  readonly activeFrom = new Map<string, number>();
  readonly protection = new Map<string, { source: bigint; target: bigint }>();
  readonly seen = new Set<string>();
  readonly removed = new Set<string>();
  incarnation = 0;
  lies = 0;
  dormant = false;
  sneaky = false;
  /** What it hides it goes on signing with after a restart. */
  stubborn = false;
  resurrections = 0;
  forgets = false;
  dropsProtection = false;
  notFound = false;
  partition: Window = NEVER;
  island: Window = NEVER;
  lag: Window = NEVER;
  lagEpochs = 0;
  /** Behind in what it takes for justified only, not in time. */
  lagsInSource = false;
  badWitness: Window = NEVER;
  blind = false;
  restartAt = -1;

  constructor(readonly name: string) {}

  draw(random: Random, rates: FaultRates, ticks: number): void {
    if (random.chance(rates.lies)) this.lies = 1 + random.below(3);
    this.dormant = random.chance(rates.dormant);
    this.sneaky = random.chance(rates.sneaky);
    this.stubborn = random.chance(0.5);
    if (random.chance(rates.resurrects)) this.resurrections = 1 + random.below(2);
    this.forgets = random.chance(rates.forgets);
    this.dropsProtection = random.chance(rates.dropsProtection);
    this.notFound = random.chance(rates.notFound);
    this.partition = window(random, rates.partition, ticks, 20);
    this.island = window(random, rates.island, ticks / 4, LONG);
    this.lag = window(random, rates.lag, ticks, LONG);
    this.lagEpochs = 1 + random.below(20);
    this.lagsInSource = random.chance(0.5);
    this.badWitness = window(random, rates.badWitness, ticks, LONG);
    this.blind = random.chance(0.5);
    if (random.chance(rates.restarts)) this.restartAt = random.below(ticks);
    // No evidence exists of a client that denies a key, keeps it over restarts and is silent just for the whole window.
    if (this.sneaky && this.stubborn) this.lag = this.island = NEVER;
    // A client that loses its protection by itself, signs by itself and falls behind the chain is past any mover's help.
    if (rates.crash > 0 && (this.dropsProtection || (this.forgets && this.resurrections > 0))) this.lag = NEVER;
  }

  delete(publicKey: string, tick: number): { status: DeleteStatus; protection: Watermark | undefined } {
    const held = this.protection.get(publicKey);
    const protection = this.forgets || !held ? undefined : { sourceEpoch: held.source, targetEpoch: held.target };
    if (this.sleeping.delete(publicKey) || this.hidden.has(publicKey)) return { status: 'not_active', protection };
    if (!this.keys.has(publicKey)) {
      return { status: this.seen.has(publicKey) && !this.notFound ? 'not_active' : 'not_found', protection };
    }
    if (this.lies > 0) {
      this.lies -= 1;
      return { status: 'deleted', protection };
    }
    this.keys.delete(publicKey);
    if (this.dormant) {
      this.dormant = false;
      this.sleeping.set(publicKey, tick + 10 * SLOTS);
      return { status: 'deleted', protection };
    }
    if (this.sneaky) {
      this.sneaky = false;
      this.hidden.add(publicKey);
      return { status: 'deleted', protection };
    }
    this.removed.add(publicKey);
    if (this.forgets) this.protection.delete(publicKey);
    return { status: 'deleted', protection };
  }

  import(publicKey: string, mark: Watermark, tick: number): ImportStatus | 'fault' {
    if (this.keys.has(publicKey)) return 'duplicate';
    this.keys.add(publicKey);
    this.seen.add(publicKey);
    this.removed.delete(publicKey);
    this.activeFrom.set(publicKey, tick + 2 * SLOTS);
    if (this.dropsProtection) {
      this.dropsProtection = false;
      this.protection.delete(publicKey);
      return 'fault';
    }
    const held = this.protection.get(publicKey) ?? { source: -1n, target: -1n };
    this.protection.set(publicKey, {
      source: larger(held.source, mark.sourceEpoch ?? -1n),
      target: larger(held.target, mark.targetEpoch ?? -1n),
    });
    return 'imported';
  }

  restart(): void {
    this.incarnation += 1;
    if (!this.stubborn) this.hidden.clear();
    if (this.resurrections === 0 || this.removed.size === 0) return;
    this.resurrections -= 1;
    for (const publicKey of this.removed) this.keys.add(publicKey);
    this.removed.clear();
  }
}

/** Time, the chain with its referee, and the validator clients. A tick is a slot. */
export class World {
  tick = 0;
  readonly clients: ReadonlyMap<string, ModelClient>;
  readonly signatures: Signature[] = [];
  readonly slashable: string[] = [];
  readonly #arrivals = new Map<number, (() => void)[]>();

  constructor(names: readonly string[]) {
    this.clients = new Map(names.map((name) => [name, new ModelClient(name)]));
  }

  client(name: string): ModelClient {
    const client = this.clients.get(name);
    if (!client) throw new Error(`no client ${name}`);
    return client;
  }

  epoch(tick = this.tick): number {
    return Math.floor(tick / SLOTS);
  }

  /** Epoch that a node following as this client does takes for justified. */
  justified(client: ModelClient): bigint {
    const behind = within(client.lag, this.tick) ? client.lagEpochs : 0;
    return BigInt(Math.max(0, this.epoch() - 1 - behind));
  }

  at(tick: number, task: () => void): void {
    const due = Math.max(tick, this.tick + 1);
    const tasks = this.#arrivals.get(due);
    if (tasks) tasks.push(task);
    else this.#arrivals.set(due, [task]);
  }

  step(): void {
    this.tick += 1;
    for (const task of this.#arrivals.get(this.tick) ?? []) task();
    this.#arrivals.delete(this.tick);
    for (const client of this.clients.values()) {
      if (client.restartAt === this.tick) client.restart();
      for (const [publicKey, wakes] of client.sleeping) {
        if (this.tick < wakes) continue;
        client.sleeping.delete(publicKey);
        client.keys.add(publicKey);
      }
      if (within(client.island, this.tick)) continue;
      for (const publicKey of client.keys) this.#sign(client, publicKey);
      for (const publicKey of client.hidden) this.#sign(client, publicKey);
    }
  }

  /** @param missed ticks of which whoever is asked saw nothing. */
  live(publicKey: string, epoch: bigint, missed: (tick: number) => boolean): boolean {
    return this.signatures.some(
      (signature) =>
        signature.publicKey === publicKey &&
        signature.targetEpoch === epoch &&
        signature.tick < this.tick &&
        !missed(signature.tick),
    );
  }

  /** A client behind the chain attests to the epoch it believes in; its own protection is the only brake it has. */
  #sign(client: ModelClient, publicKey: string): void {
    const behind = within(client.lag, this.tick) && !client.lagsInSource ? client.lagEpochs : 0;
    const target = BigInt(this.epoch() - behind);
    const slot = (publicKey.length + Number(target)) % SLOTS;
    if (this.tick < (client.activeFrom.get(publicKey) ?? 0)) return;
    if (target < 0n || (behind === 0 && this.tick % SLOTS < slot)) return;
    const source = this.justified(client) < target ? this.justified(client) : target > 0n ? target - 1n : 0n;
    const held = client.protection.get(publicKey) ?? { source: -1n, target: -1n };
    if (target <= held.target || source < held.source) return;
    client.protection.set(publicKey, { source, target });
    const made = { publicKey, client: client.name, sourceEpoch: source, targetEpoch: target, tick: this.tick };
    for (const other of this.signatures) {
      if (other.publicKey !== publicKey || other.client === client.name) continue;
      const double = other.targetEpoch === target;
      if (double || surrounds(made, other) || surrounds(other, made)) {
        this.slashable.push(
          `${other.client} ${other.sourceEpoch}→${other.targetEpoch}, ${client.name} ${source}→${target}`,
        );
      }
    }
    this.signatures.push(made);
  }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
