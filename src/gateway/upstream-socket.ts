import { WebSocket } from 'ws';
import type { Wire } from './json-rpc.js';

/** What a subscription tells; `lost` when the upstream's connection ended and notifications may be missing. */
export interface Listener {
  /** JSON text of the notification's result. */
  notify(result: Wire): void;
  lost(): void;
}

/** The upstream's refusal of a subscription, to be passed through unchanged. */
export class SubscriptionRefused extends Error {
  constructor(readonly error: object) {
    super('the upstream refused the subscription');
  }
}

interface Shared {
  readonly listeners: Set<Listener>;
  upstreamId: string | undefined;
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: object;
  readonly params?: { readonly subscription?: unknown; readonly result?: unknown };
}

const HANDSHAKE_MS = 5000;
const ANSWER_MS = 10_000;
const LARGEST_FRAME = 32 * 1024 * 1024;

/** One WebSocket to an execution node; every distinct subscription on it is opened once and shared. */
export class UpstreamSocket {
  readonly #socket: WebSocket;
  readonly #opened: Promise<void>;
  readonly #pending = new Map<number, (answer: Answer | undefined) => void>();
  readonly #shared = new Map<string, Shared>();
  readonly #byUpstreamId = new Map<string, Shared>();
  #nextId = 1;
  #alive = true;

  constructor(
    uri: string,
    private readonly ended: () => void,
  ) {
    this.#socket = new WebSocket(uri, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: LARGEST_FRAME,
      perMessageDeflate: false,
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once('open', resolve);
      this.#socket.once('error', reject);
      this.#socket.once('close', () => reject(new Error('closed before it was open')));
    });
    // Awaited only by those who subscribe.
    this.#opened.catch(() => undefined);
    this.#socket.on('error', () => this.#socket.terminate());
    this.#socket.on('close', () => this.#lost());
    this.#socket.on('pong', () => {
      this.#alive = true;
    });
    this.#socket.on('message', (data: Buffer) => this.#read(data));
  }

  get idle(): boolean {
    return this.#shared.size === 0;
  }

  /**
   * Adds a listener; returns the function that removes it. The first listener of these params opens the subscription.
   * @throws SubscriptionRefused; Error when the node does not answer.
   */
  async subscribe(params: string, listener: Listener): Promise<() => void> {
    let shared = this.#shared.get(params);
    if (shared === undefined) {
      shared = { listeners: new Set(), upstreamId: undefined };
      this.#shared.set(params, shared);
      shared.listeners.add(listener);
      await this.#open(params, shared);
    } else {
      // Opening or open: an opening that fails tells all its listeners.
      shared.listeners.add(listener);
    }
    const joined = shared;
    return () => this.#leave(params, joined, listener);
  }

  /** A node that answers no ping is gone. */
  beat(): void {
    if (!this.#alive) this.#socket.terminate();
    this.#alive = false;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  close(): void {
    this.#socket.terminate();
  }

  async #open(params: string, shared: Shared): Promise<void> {
    const fail = (error: Error): never => {
      this.#shared.delete(params);
      // The first listener hears of it by the error.
      for (const listener of [...shared.listeners].slice(1)) listener.lost();
      throw error;
    };
    try {
      await this.#opened;
    } catch {
      fail(new Error('the upstream takes no WebSocket'));
    }
    const answer = await this.#ask('eth_subscribe', params, (early) => {
      if (typeof early.result !== 'string') return;
      shared.upstreamId = early.result;
      this.#byUpstreamId.set(early.result, shared);
    });
    if (answer?.error !== undefined) fail(new SubscriptionRefused(answer.error));
    if (shared.upstreamId === undefined) fail(new Error('the upstream did not answer a subscription'));
  }

  /** `early` runs before the next frame is read, so that no notification is missed. */
  #ask(method: string, params: string, early: (answer: Answer) => void): Promise<Answer | undefined> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const settle = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        if (answer !== undefined) early(answer);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), ANSWER_MS);
      this.#pending.set(id, settle);
      this.#socket.send(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`, (failed) => {
        if (failed) settle(undefined);
      });
    });
  }

  #read(data: Buffer): void {
    let message: Answer;
    try {
      message = JSON.parse(data.toString('latin1'));
    } catch {
      this.#socket.terminate();
      return;
    }
    if (typeof message.id === 'number') this.#pending.get(message.id)?.(message);
    else this.#notify(message);
  }

  #notify(message: Answer): void {
    const subscription = message.params?.subscription;
    const shared = typeof subscription === 'string' ? this.#byUpstreamId.get(subscription) : undefined;
    if (shared === undefined) return;
    const result = JSON.stringify(message.params?.result ?? null);
    for (const listener of shared.listeners) listener.notify(result);
  }

  #leave(params: string, shared: Shared, listener: Listener): void {
    shared.listeners.delete(listener);
    if (shared.listeners.size > 0 || this.#shared.get(params) !== shared) return;
    this.#shared.delete(params);
    if (shared.upstreamId !== undefined) {
      this.#byUpstreamId.delete(shared.upstreamId);
      void this.#ask('eth_unsubscribe', JSON.stringify([shared.upstreamId]), () => undefined);
    }
  }

  #lost(): void {
    for (const settle of [...this.#pending.values()]) settle(undefined);
    const listeners = [...this.#shared.values()].flatMap((shared) => [...shared.listeners]);
    this.#shared.clear();
    this.#byUpstreamId.clear();
    this.ended();
    for (const listener of listeners) listener.lost();
  }
}
