import { maximum } from '../../../keys/slashing-protection/watermark.js';
import type { BeaconNode, InventorySource } from '../../inventory.js';
import type { ChainView, NodeView, Standing, Witness } from '../ports.js';
import { Gather } from './gather.js';
import { bodyOf, type HttpCaller } from './http-call.js';
import { Streaks } from './streaks.js';

const TIMEOUT_MS = 5_000;
/** Other validators asked about in the same request: at least one must be live, or silence proves nothing. */
const CONTROLS = 16;

interface LivenessItem {
  readonly publicKey: string;
}
interface Known {
  readonly index: string;
  readonly status: string;
}

/** The Beacon API of the fleet's beacon nodes, as witnesses. */
export class BeaconClient {
  readonly #views: Gather<undefined, ChainView>;
  readonly #liveness: Gather<LivenessItem, Witness | 'none'>;
  readonly #slots = new Map<string, bigint>();
  readonly #streaks: Streaks;
  readonly #known = new Map<string, Known & { readonly atMs: number }>();

  /** @param controls public keys that ought to be live now: placed ones of the fleet. */
  constructor(
    private readonly inventory: InventorySource,
    private readonly http: HttpCaller,
    private readonly controls: () => Promise<readonly string[]>,
    private readonly nowMs: () => number,
  ) {
    this.#streaks = new Streaks(nowMs);
    this.#views = new Gather(20, Number.MAX_SAFE_INTEGER, async (_, items) => {
      const view = await this.#view();
      return items.map(() => view);
    });
    this.#liveness = new Gather(60, 512, (key, items) => this.#witness(key, items));
  }

  chain(): Promise<ChainView> {
    return this.#views.ask('', undefined);
  }

  async liveness(publicKey: string, epoch: bigint): Promise<Witness[]> {
    const nodes = this.inventory().beaconNodes;
    const seen = await Promise.all(nodes.map((node) => this.#liveness.ask(`${epoch} ${node.name}`, { publicKey })));
    return seen.filter((witness) => witness !== 'none');
  }

  async standing(publicKey: string): Promise<Standing> {
    const { nodes } = await this.chain();
    const synced = new Set(nodes.filter((node) => node.synced).map((node) => node.name));
    let answers = 0;
    for (const node of this.inventory().beaconNodes.filter(({ name }) => synced.has(name))) {
      const found = await this.#validators(node, [publicKey]);
      if (!found) continue;
      answers += 1;
      const status = found.get(publicKey)?.status;
      if (status?.startsWith('active')) return 'active';
      if (answers === 2) break;
    }
    const needed = Math.min(2, this.inventory().beaconNodes.length);
    return answers === needed && answers > 0 ? 'inactive' : 'unknown';
  }

  async dutySoon(publicKey: string): Promise<string | undefined> {
    const { nodes } = await this.chain();
    const view = nodes.find((node) => node.synced);
    const node = this.inventory().beaconNodes.find(({ name }) => name === view?.name);
    if (!view || !node) return undefined;
    const index = (await this.#validators(node, [publicKey]))?.get(publicKey)?.index;
    for (const epoch of [view.currentEpoch, view.currentEpoch + 1n]) {
      const body = await this.#get(node, `/eth/v1/validator/duties/proposer/${epoch}`);
      const slot = view.currentEpoch * (this.#slots.get(node.name) ?? 32n) + view.slotInEpoch;
      const duty = dataOf(body).find(
        (item) => String(item.pubkey).toLowerCase() === publicKey && whole(item.slot) >= slot,
      );
      if (duty) return `a proposal in slot ${String(duty.slot)}`;
    }
    if (index === undefined) return undefined;
    const sync = await this.http.send({
      method: 'POST',
      url: urlOf(node, `/eth/v1/validator/duties/sync/${view.currentEpoch}`),
      body: [index],
      timeoutMs: TIMEOUT_MS,
    });
    return dataOf(bodyOf(sync)).length > 0 ? 'a sync committee' : undefined;
  }

  async version(node: BeaconNode): Promise<string | undefined> {
    const body = (await this.#get(node, '/eth/v1/node/version')) as { data?: { version?: unknown } } | undefined;
    return typeof body?.data?.version === 'string' ? body.data.version : undefined;
  }

  async #view(): Promise<ChainView> {
    const { beaconNodes, validatorClients } = this.inventory();
    const clientsOf = (name: string) =>
      validatorClients.filter((client) => client.beaconNodes.includes(name)).map((client) => client.name);
    const views = await Promise.all(
      beaconNodes.map(async (node) => {
        const view = await this.#look(node, clientsOf(node.name));
        return this.#streaks.extend(node.name, view);
      }),
    );
    const nodes = views.filter((view) => view !== undefined);
    return {
      nodes,
      listed: beaconNodes.map(({ name }) => ({ name, clients: clientsOf(name) })),
      slotsPerEpoch: maximum(beaconNodes.map(({ name }) => this.#slots.get(name))) ?? 32n,
    };
  }

  async #look(node: BeaconNode, clients: readonly string[]): Promise<Omit<NodeView, 'wholeSince'> | undefined> {
    const [syncing, genesis, finality, slots] = await Promise.all([
      this.#get(node, '/eth/v1/node/syncing'),
      this.#get(node, '/eth/v1/beacon/genesis'),
      this.#get(node, '/eth/v1/beacon/states/head/finality_checkpoints'),
      this.#slotsPerEpoch(node),
    ]);
    const sync = one(syncing);
    const root = one(genesis)?.genesis_validators_root;
    const justified = (one(finality)?.current_justified as { epoch?: unknown } | undefined)?.epoch;
    const finalized = (one(finality)?.finalized as { epoch?: unknown } | undefined)?.epoch;
    if (!sync || typeof root !== 'string' || slots === undefined) return undefined;
    if (![sync.head_slot, sync.sync_distance, justified, finalized].every((value) => /^\d{1,18}$/.test(String(value))))
      return undefined;
    const slot = whole(sync.head_slot) + whole(sync.sync_distance);
    return {
      name: node.name,
      clients,
      synced: sync.is_syncing === false && whole(sync.sync_distance) <= 2n && sync.el_offline !== true,
      optimistic: sync.is_optimistic === true,
      genesisValidatorsRoot: root.toLowerCase(),
      headEpoch: whole(sync.head_slot) / slots,
      currentEpoch: slot / slots,
      slotInEpoch: slot % slots,
      justifiedEpoch: whole(justified),
      finalizedEpoch: whole(finalized),
    };
  }

  async #slotsPerEpoch(node: BeaconNode): Promise<bigint | undefined> {
    const held = this.#slots.get(node.name);
    if (held !== undefined) return held;
    const value = one(await this.#get(node, '/eth/v1/config/spec'))?.SLOTS_PER_EPOCH;
    if (!/^\d{1,4}$/.test(String(value)) || whole(value) === 0n) return undefined;
    this.#slots.set(node.name, whole(value));
    return whole(value);
  }

  /** One request per node and epoch for all keys asked about at that moment, and for others that ought to be live. */
  async #witness(key: string, items: readonly LivenessItem[]): Promise<(Witness | 'none')[]> {
    const [epoch = '', name = ''] = key.split(/ (.*)/);
    const node = this.inventory().beaconNodes.find((entry) => entry.name === name);
    const view = (await this.chain()).nodes.find((entry) => entry.name === name);
    if (!node || !view) return items.map(() => 'none');
    const asked = new Set(items.map(({ publicKey }) => publicKey));
    const controls = (await this.controls()).filter((publicKey) => !asked.has(publicKey)).slice(0, CONTROLS);
    const known = await this.#validators(node, [...asked, ...controls]);
    if (!known || known.size === 0) return items.map(() => 'none');
    const reply = await this.http.send({
      method: 'POST',
      url: urlOf(node, `/eth/v1/validator/liveness/${epoch}`),
      body: [...known.values()].map(({ index }) => index),
      timeoutMs: TIMEOUT_MS,
    });
    const live = new Map(dataOf(bodyOf(reply)).map((item) => [String(item.index), item.is_live]));
    const isLive = (publicKey: string) => live.get(known.get(publicKey)?.index ?? '');
    const control = controls.some((publicKey) => isLive(publicKey) === true);
    return items.map(({ publicKey }) => {
      const answer = isLive(publicKey);
      if (typeof answer !== 'boolean') return 'none';
      const synced = view.synced && !view.optimistic;
      const whole = synced && view.wholeSince !== undefined && view.wholeSince <= BigInt(epoch);
      return { node: name, clients: view.clients, synced, whole, control, live: answer };
    });
  }

  /** Indexes never change; a status is asked again after a while. */
  async #validators(node: BeaconNode, publicKeys: readonly string[]): Promise<Map<string, Known> | undefined> {
    const fresh = (publicKey: string) =>
      (this.#known.get(`${node.name} ${publicKey}`)?.atMs ?? 0) > this.nowMs() - 30_000;
    const missing = publicKeys.filter((publicKey) => !fresh(publicKey));
    for (let start = 0; start < missing.length; start += 32) {
      const ids = missing.slice(start, start + 32).join(',');
      const body = await this.#get(node, `/eth/v1/beacon/states/head/validators?id=${ids}`);
      if (body === undefined) return undefined;
      for (const item of dataOf(body)) {
        const publicKey = String((item.validator as { pubkey?: unknown } | undefined)?.pubkey).toLowerCase();
        this.#known.set(`${node.name} ${publicKey}`, {
          index: String(item.index),
          status: String(item.status),
          atMs: this.nowMs(),
        });
      }
    }
    return new Map(
      publicKeys.flatMap((publicKey) => {
        const known = this.#known.get(`${node.name} ${publicKey}`);
        return known ? [[publicKey, known] as const] : [];
      }),
    );
  }

  async #get(node: BeaconNode, path: string): Promise<unknown> {
    return bodyOf(await this.http.send({ method: 'GET', url: urlOf(node, path), timeoutMs: TIMEOUT_MS }));
  }
}

function urlOf(node: BeaconNode, path: string): string {
  return `${node.uri.replace(/\/$/, '')}${path}`;
}

function one(body: unknown): Record<string, unknown> | undefined {
  const data = (body as { data?: unknown } | undefined)?.data;
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined;
}

function dataOf(body: unknown): Record<string, unknown>[] {
  const data = (body as { data?: unknown } | undefined)?.data;
  return Array.isArray(data) ? data.filter((item) => typeof item === 'object' && item !== null) : [];
}

function whole(value: unknown): bigint {
  return BigInt(String(value));
}
