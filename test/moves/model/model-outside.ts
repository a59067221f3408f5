import type { Answer, ChainView, Lease, NodeView, Outside, Standing, Witness } from '../../../src/fleet/moves/ports.js';
import type { Watermark } from '../../../src/keys/slashing-protection/watermark.js';
import { type FaultRates, within } from './faults.js';
import type { Mutations } from './mutations.js';
import type { Random } from './random.js';
import { type ModelClient, SLOTS, type World } from './world.js';

const LOST = { outcome: 'unanswered', reason: 'lost' } as const;
const CUT = { outcome: 'refused', reason: 'unreachable' } as const;
const LATE = { outcome: 'refused', reason: 'the claim ran out before the call' } as const;
/** Ticks one waits for an answer. */
const PATIENCE = 4;

/** The validator clients and beacon nodes of the model as one mover reaches them, through a bad network. */
export class ModelOutside implements Outside {
  readonly #believed = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly rates: FaultRates,
    private readonly mutations: Mutations,
  ) {}

  async listKeys(name: string): Promise<Answer<{ readonly keys: readonly string[] }>> {
    const client = this.world.client(name);
    if (this.#cut(client)) {
      if (!this.mutations.timeoutIsGone) return CUT;
      return { outcome: 'answered', keys: [...client.keys].filter((key) => key.startsWith('control')), raw: 0 };
    }
    if (this.random.chance(this.rates.lost)) return LOST;
    return { outcome: 'answered', keys: [...client.keys], raw: 0 };
  }

  async deleteKey(name: string, publicKey: string, lease: Lease) {
    const client = this.world.client(name);
    if (this.#cut(client) && this.mutations.timeoutIsGone)
      return { outcome: 'answered', status: 'not_active', raw: 0 } as const;
    const asked = `${name} ${publicKey}`;
    if (this.#believed.has(asked)) return { outcome: 'answered', status: 'not_active', raw: 0 } as const;
    const answer = await this.#write(client, lease, () => client.delete(publicKey, this.world.tick));
    if (!('status' in answer)) return answer;
    if (this.mutations.trustDeleted && answer.status === 'deleted') this.#believed.add(asked);
    return { outcome: 'answered', status: answer.status, protection: answer.protection, raw: 0 } as const;
  }

  async importKey(name: string, publicKey: string, mark: Watermark, _root: string, lease: Lease) {
    const client = this.world.client(name);
    const sent = {
      slot: mark.slot,
      sourceEpoch: this.mutations.noSource || this.mutations.noWatermark ? undefined : mark.sourceEpoch,
      targetEpoch: this.mutations.noWatermark ? undefined : mark.targetEpoch,
    };
    const answer = await this.#write(client, lease, () => ({
      status: client.import(publicKey, sent, this.world.tick),
    }));
    if (!('status' in answer)) return answer;
    if (answer.status === 'fault') return LOST;
    const status =
      this.mutations.trustDuplicate && answer.status === 'duplicate' ? ('imported' as const) : answer.status;
    return { outcome: 'answered', status, raw: 0 } as const;
  }

  async restart(name: string) {
    const client = this.world.client(name);
    const startedAtMs = this.world.tick * 1000 + 1;
    const answered = { outcome: 'answered', startedAtMs, raw: 0 } as const;
    if (this.mutations.noRestart || (this.mutations.timeoutIsGone && this.#cut(client))) return answered;
    if (this.#cut(client)) return CUT;
    if (this.random.chance(this.rates.lost)) return LOST;
    client.restart();
    return this.random.chance(this.rates.lost) ? LOST : answered;
  }

  async readSettings() {
    return { outcome: 'answered', settings: {}, raw: 0 } as const;
  }

  async writeSettings() {
    return { outcome: 'answered', raw: 0 } as const;
  }

  async identify(name: string) {
    return { uri: name, token: name };
  }

  async notFoundIsNotActive() {
    return true;
  }

  async chain(): Promise<ChainView> {
    const { world } = this;
    const nodes = [...world.clients.values()].map((client): NodeView => {
      const justified = world.justified(client);
      return {
        name: `node of ${client.name}`,
        clients: [client.name],
        synced: !within(client.badWitness, world.tick) || client.blind,
        optimistic: false,
        genesisValidatorsRoot: '0x00',
        headEpoch: BigInt(world.epoch()),
        currentEpoch: BigInt(world.epoch()),
        slotInEpoch: BigInt(world.tick % SLOTS),
        justifiedEpoch: justified,
        finalizedEpoch: justified > 0n ? justified - 1n : 0n,
        wholeSince: 0n,
      };
    });
    return { nodes, listed: nodes, slotsPerEpoch: BigInt(SLOTS) };
  }

  async liveness(publicKey: string, epoch: bigint): Promise<Witness[]> {
    const { world } = this;
    return [...world.clients.values()].map((client) => {
      const bad = within(client.badWitness, world.tick);
      const trusted = this.mutations.noControl === true;
      // What happened while it was not synced it never learns; one that was blind only would not say what it knew.
      const missed = (tick: number) => !client.blind && within(client.badWitness, tick);
      const live = world.live(publicKey, epoch, missed);
      const ticks = Array.from({ length: SLOTS }, (_, slot) => Number(epoch) * SLOTS + slot);
      return {
        node: `node of ${client.name}`,
        clients: [client.name],
        synced: trusted || !bad || client.blind,
        whole: trusted || this.mutations.noWhole === true || !ticks.some(missed),
        control: trusted || (!bad && world.live('control-c', epoch, missed)) || (this.mutations.noQuiet ?? false),
        live: bad || this.mutations.noQuiet ? false : live,
      };
    });
  }

  async standing(): Promise<Standing> {
    return 'active';
  }

  async dutySoon(): Promise<undefined> {
    return undefined;
  }

  async keystoreOpens(): Promise<boolean> {
    return true;
  }

  #cut(client: ModelClient): boolean {
    return within(client.partition, this.world.tick) || within(client.island, this.world.tick);
  }

  /** A write: checked against the deadline, then on its own way; a restart of the client ends what is on the way to it. */
  async #write<Result extends object>(
    client: ModelClient,
    lease: Lease,
    effect: () => Result,
  ): Promise<Result | typeof LOST | typeof CUT | typeof LATE> {
    const { world, random, rates, mutations } = this;
    if (!mutations.noDeadline && world.tick * 1000 >= lease.untilMonotonicMs) return LATE;
    if (this.#cut(client)) return CUT;
    if (random.chance(rates.lost)) return LOST;
    const { incarnation } = client;
    const arrive = (): Result | undefined =>
      client.incarnation === incarnation && !this.#cut(client) ? effect() : undefined;
    if (random.chance(rates.late)) {
      const again = random.chance(0.5);
      const first = again ? arrive() : undefined;
      world.at(world.tick + 1 + random.below(again ? 60 : 3 * PATIENCE), () => void arrive());
      if (!again) await new Promise<void>((resolve) => world.at(world.tick + PATIENCE, resolve));
      return first ?? LOST;
    }
    const result = arrive();
    return result === undefined || random.chance(rates.lost) || random.chance(rates.fiveHundred) ? LOST : result;
  }
}
