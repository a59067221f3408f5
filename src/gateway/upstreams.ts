import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { UpstreamSource } from './endpoint.js';
import { Upstream, type UpstreamAddress } from './upstream.js';

/** A list older than this is asked anew, so that an endpoint follows its keys' moves within seconds. */
const LIST_MS = 1000;
const PROBE_MS = 2000;
/** An upstream nobody used for so long is not probed; ten times as long, it is closed. */
const IDLE_MS = 60_000;

interface Listed {
  readonly upstreams: readonly Upstream[];
  readonly at: number;
}

/** Every execution node in use, each once, and the order in which an endpoint should try them. */
export class Upstreams {
  readonly #known = new Map<string, Upstream>();
  /** By validator instance id; '' for the pool. */
  readonly #lists = new Map<string, Listed>();
  readonly #asking = new Map<string, Promise<Listed>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly source: UpstreamSource,
    private readonly chainId: number,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.#look(), PROBE_MS);
  }

  /**
   * Usable upstreams, best first; without a wait when the list is fresh and its nodes are known.
   * Empty when the source names none. Throws or rejects with what the source throws.
   */
  ranked(validatorInstanceId: string | undefined): Upstream[] | Promise<Upstream[]> {
    const key = validatorInstanceId ?? '';
    const listed = this.#lists.get(key);
    const fresh = listed !== undefined && performance.now() - listed.at < LIST_MS;
    return fresh && listed.upstreams.every((each) => each.isProven) ? inOrder(listed.upstreams) : this.#learn(key);
  }

  async #learn(key: string): Promise<Upstream[]> {
    const { upstreams } = await this.#list(key);
    await Promise.all(upstreams.map((each) => each.proven()));
    return inOrder(upstreams);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#known.values()].map((each) => each.close()));
    this.#known.clear();
    this.#lists.clear();
  }

  async #list(key: string): Promise<Listed> {
    const listed = this.#lists.get(key);
    if (listed !== undefined && performance.now() - listed.at < LIST_MS) return listed;
    const asking = this.#asking.get(key) ?? this.#ask(key);
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string): Promise<Listed> {
    try {
      const addresses = await this.source(key === '' ? {} : { validatorInstanceId: key });
      const upstreams = addresses.filter((address) => this.#usable(address)).map((address) => this.#upstream(address));
      const listed = { upstreams, at: performance.now() };
      this.#lists.set(key, listed);
      return listed;
    } finally {
      this.#asking.delete(key);
    }
  }

  /** Plain HTTP(S) JSON-RPC only; 8551 is the Engine API's port on every implementation. */
  #usable(address: UpstreamAddress): boolean {
    const uri = URL.canParse(address.uri) ? new URL(address.uri) : undefined;
    const usable = uri !== undefined && /^https?:$/.test(uri.protocol) && uri.port !== '8551';
    if (!usable) this.log.error({ upstream: address.name }, 'not a JSON-RPC upstream; never used');
    return usable;
  }

  #upstream(address: UpstreamAddress): Upstream {
    const key = `${address.name} ${address.uri} ${address.wsUri ?? ''}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const upstream = new Upstream(address, this.chainId);
    this.#known.set(key, upstream);
    return upstream;
  }

  #look(): void {
    const now = performance.now();
    for (const [key, upstream] of this.#known) {
      if (now - upstream.usedAt < IDLE_MS) void upstream.probe();
      else if (now - upstream.usedAt > 10 * IDLE_MS) {
        this.#known.delete(key);
        upstream
          .close()
          .catch((thrown) => this.log.warn({ reason: reasonOf(thrown) }, 'an idle upstream did not close'));
      }
    }
    for (const [key, listed] of this.#lists) if (now - listed.at > IDLE_MS) this.#lists.delete(key);
  }
}

function inOrder(upstreams: readonly Upstream[]): Upstream[] {
  const bestHead = upstreams.reduce((best, { head }) => (head !== undefined && head > best ? head : best), 0n);
  return upstreams
    .filter((each) => !each.foreign)
    .map((each) => ({ each, rank: each.rank(bestHead) }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ each }) => each);
}
