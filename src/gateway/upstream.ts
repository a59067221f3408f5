import { Pool } from 'undici';
import type { Wire } from './json-rpc.js';
import { type AnswerSink, type Budget, receive } from './receive.js';
import { splice, UPSTREAM_ID, type UpstreamAnswer } from './splice.js';

export interface UpstreamAddress {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  readonly wsUri?: string;
}

export type FailureReason = 'timeout' | 'connection' | 'unusable' | 'too-large' | 'busy';

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: UpstreamAnswer }
  /** The sink has the whole answer. */
  | { readonly kind: 'streamed' }
  /** `sent`: the upstream may have acted on it. */
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly sent: boolean };

export interface UpstreamCall {
  readonly method: string;
  /** JSON text of the parameters. */
  readonly params: string;
  readonly timeoutMs: number;
  /** Takes answers above 32 kB as they arrive. */
  readonly sink?: AnswerSink;
  readonly budget?: Budget;
}

const CONNECTIONS = 64;
/** More would only wait: the caller hears at once that the node is busy. */
const MOST_IN_FLIGHT = 2048;
/** Failures in a row after which an upstream is asked last, and for how long. */
const BROKEN = { failures: 3, forMs: 5000 };
const PROBE_TIMEOUT_MS = 3000;

/** One execution node behind the gateway: its connections, and how it does. */
export class Upstream {
  readonly #pool: Pool;
  readonly #path: string;
  #failures = 0;
  #inFlight = 0;
  #brokenUntil = 0;
  #syncing = false;
  /** undefined: not yet asked; false: another chain's node, never used. */
  #ourChain: boolean | undefined;
  #probing: Promise<void> | undefined;
  head: bigint | undefined;
  usedAt = performance.now();

  constructor(
    readonly address: UpstreamAddress,
    private readonly chainId: number,
  ) {
    const uri = new URL(address.uri);
    this.#pool = new Pool(uri.origin, { connections: CONNECTIONS, pipelining: 1, connect: { timeout: 3000 } });
    this.#path = `${uri.pathname}${uri.search}`;
  }

  /** Whether its chain is known. */
  get isProven(): boolean {
    return this.#ourChain !== undefined;
  }

  get foreign(): boolean {
    return this.#ourChain === false;
  }

  /** 0: good. 1: behind or unproven. 2: failing. */
  rank(bestHead: bigint): 0 | 1 | 2 {
    if (performance.now() < this.#brokenUntil) return 2;
    if (this.#syncing || this.#ourChain === undefined) return 1;
    return this.head !== undefined && bestHead - this.head > 3n ? 1 : 0;
  }

  /** Sends one rebuilt request. INVARIANT: nothing of a client's bytes, headers or URL goes upstream. Never rejects. */
  async call(call: UpstreamCall): Promise<Outcome> {
    this.usedAt = performance.now();
    if (this.#inFlight >= MOST_IN_FLIGHT) return { kind: 'failed', reason: 'busy', sent: false };
    this.#inFlight += 1;
    const body = `{"jsonrpc":"2.0","id":${UPSTREAM_ID},"method":"${call.method}","params":${call.params}}`;
    const received = await receive(this.#pool, this.#path, body, call);
    this.#inFlight -= 1;
    const outcome = read(received);
    if (outcome.kind === 'failed' && outcome.reason !== 'too-large') this.#failed();
    else this.#failures = 0;
    return outcome;
  }

  /** Asks chain, head and syncing state; concurrent callers share one probe. Never rejects. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  /** Resolves once it is known whether the node is of our chain, or was just asked in vain. */
  async proven(): Promise<void> {
    if (!this.isProven) await this.probe();
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #probe(): Promise<void> {
    if (this.#ourChain === undefined) {
      const chain = await this.#ask('eth_chainId');
      if (typeof chain !== 'string') return;
      this.#ourChain = Number(chain) === this.chainId;
    }
    const [head, syncing] = await Promise.all([this.#ask('eth_blockNumber'), this.#ask('eth_syncing')]);
    if (typeof head === 'string' && /^0x[0-9a-f]+$/i.test(head)) this.head = BigInt(head);
    if (syncing !== undefined) this.#syncing = syncing !== false;
  }

  async #ask(method: string): Promise<unknown> {
    const usedAt = this.usedAt;
    const outcome = await this.call({ method, params: '[]', timeoutMs: PROBE_TIMEOUT_MS });
    this.usedAt = usedAt;
    if (outcome.kind !== 'answered' || outcome.answer.error !== undefined) return undefined;
    const answer: { result?: unknown } = JSON.parse(`${outcome.answer.head}1${outcome.answer.tail}`);
    return answer.result;
  }

  #failed(): void {
    this.#failures += 1;
    if (this.#failures >= BROKEN.failures) this.#brokenUntil = performance.now() + BROKEN.forMs;
  }
}

function read(received: Awaited<ReturnType<typeof receive>>): Outcome {
  if (received.kind !== 'whole') return received;
  const answer = splice(received.body satisfies Wire);
  // Another status than 200 with a JSON-RPC error in it is still the node's own word.
  if (answer === undefined || (received.status !== 200 && answer.error === undefined)) {
    return { kind: 'failed', reason: 'unusable', sent: true };
  }
  return { kind: 'answered', answer };
}
