import { randomBytes } from 'node:crypto';
import type { Call, SubscriptionDesk } from './call.js';
import { errorAnswer, resultAnswer, toWire, type Wire } from './json-rpc.js';
import { type Reply, whole } from './reply.js';
import type { SubscriptionHub } from './subscription-hub.js';
import type { Upstream } from './upstream.js';
import { SubscriptionRefused } from './upstream-socket.js';

interface Subscription {
  readonly upstream: Upstream;
  leave: () => void;
  /** Notifications that came before the caller knows the id; undefined once it does. */
  backlog: Wire[] | undefined;
}

const KINDS = new Set(['newHeads', 'logs', 'newPendingTransactions', 'syncing']);

/** Every subscription of one WebSocket. */
export class Subscriptions {
  readonly #open = new Map<string, Subscription>();
  #opening = 0;
  #closed = false;

  constructor(
    private readonly hub: SubscriptionHub,
    private readonly socket: { send(text: Wire): void; lost(): void },
  ) {}

  get upstreams(): Upstream[] {
    return [...this.#open.values()].map(({ upstream }) => upstream);
  }

  /** The desk for one message, and what to do once its answer was sent. */
  desk(): { readonly desk: SubscriptionDesk; readonly answered: () => void } {
    const begun: string[] = [];
    const desk: SubscriptionDesk = {
      subscribe: (call, upstreams) => this.#subscribe(call, upstreams, begun),
      unsubscribe: (id) => this.#end(id),
    };
    const answered = () => {
      for (const id of begun) this.#release(id);
    };
    return { desk, answered };
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#open.keys()]) this.#end(id);
  }

  async #subscribe(call: Call, upstreams: readonly Upstream[], begun: string[]): Promise<Reply> {
    const { id, params } = call.request;
    const kind: unknown = Array.isArray(params) ? params[0] : undefined;
    if (typeof kind !== 'string' || !KINDS.has(kind)) {
      return whole(errorAnswer(id, 'invalidParams', `subscriptions are ${[...KINDS].join(', ')}`));
    }
    const most = call.grant.endpoint.limits.subscriptions;
    if (this.#open.size + this.#opening >= most) {
      return whole(errorAnswer(id, 'limited', `at most ${most} subscriptions`));
    }
    const upstream = upstreams.find((each) => each.address.wsUri !== undefined);
    const wsUri = upstream?.address.wsUri;
    if (upstream === undefined || wsUri === undefined) {
      return whole(errorAnswer(id, 'server', 'no upstream takes subscriptions now'));
    }
    this.#opening += 1;
    try {
      return await this.#begin(call, upstream, wsUri, begun);
    } catch (thrown) {
      if (!(thrown instanceof SubscriptionRefused)) {
        return whole(errorAnswer(id, 'server', 'no upstream takes subscriptions now'));
      }
      // The upstream's own words, unchanged; they were read one byte a char.
      const own = errorAnswer(id, 'server', '');
      return whole(`${own.slice(0, own.lastIndexOf('"error":'))}"error":${JSON.stringify(thrown.error)}}`);
    } finally {
      this.#opening -= 1;
    }
  }

  async #begin(call: Call, upstream: Upstream, wsUri: string, begun: string[]): Promise<Reply> {
    const id = `0x${randomBytes(16).toString('hex')}`;
    const subscription: Subscription = { upstream, leave: () => undefined, backlog: [] };
    subscription.leave = await this.hub.subscribe(wsUri, JSON.stringify(call.request.params), {
      notify: (result) => this.#notify(id, subscription, result),
      lost: () => this.socket.lost(),
    });
    if (this.#closed) subscription.leave();
    else this.#open.set(id, subscription);
    begun.push(id);
    return whole(resultAnswer(call.request.id, id));
  }

  #notify(id: string, subscription: Subscription, result: Wire): void {
    const text = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":${toWire(JSON.stringify(id))},"result":${result}}}`;
    if (subscription.backlog === undefined) this.socket.send(text);
    else subscription.backlog.push(text);
  }

  #release(id: string): void {
    const subscription = this.#open.get(id);
    const backlog = subscription?.backlog ?? [];
    if (subscription !== undefined) subscription.backlog = undefined;
    for (const text of backlog) this.socket.send(text);
  }

  #end(id: unknown): boolean {
    const subscription = typeof id === 'string' ? this.#open.get(id) : undefined;
    if (subscription === undefined) return false;
    this.#open.delete(String(id));
    subscription.leave();
    return true;
  }
}
