import { type Listener, UpstreamSocket } from './upstream-socket.js';

const BEAT_MS = 10_000;

/** Connections for subscriptions, one per upstream while anybody listens. */
export class SubscriptionHub {
  readonly #sockets = new Map<string, UpstreamSocket>();
  readonly #beating = setInterval(() => this.#beat(), BEAT_MS);

  /** As UpstreamSocket.subscribe. */
  async subscribe(wsUri: string, params: string, listener: Listener): Promise<() => void> {
    let socket = this.#sockets.get(wsUri);
    if (socket === undefined) {
      const opened = new UpstreamSocket(wsUri, () => {
        if (this.#sockets.get(wsUri) === opened) this.#sockets.delete(wsUri);
      });
      this.#sockets.set(wsUri, opened);
      socket = opened;
    }
    return socket.subscribe(params, listener);
  }

  close(): void {
    clearInterval(this.#beating);
    for (const socket of this.#sockets.values()) socket.close();
  }

  #beat(): void {
    for (const socket of this.#sockets.values()) {
      if (socket.idle) socket.close();
      else socket.beat();
    }
  }
}
