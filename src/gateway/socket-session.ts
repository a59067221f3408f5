import type { WebSocket } from 'ws';
import { reasonOf } from '../errors.js';
import type { Grant } from './admissions.js';
import { answerMessage } from './answer-message.js';
import type { HttpParts } from './http-handler.js';
import { errorAnswer, type Wire } from './json-rpc.js';
import { Subscriptions } from './subscription-desk.js';
import type { SubscriptionHub } from './subscription-hub.js';

/** Messages in the works before no more are read. */
const MOST_PENDING = 32;
/** Bytes a consumer may be behind before it is cut. */
const MOST_BEHIND = 4 * 1024 * 1024;

/** Why a socket ends, with its close code (RFC 6455, 7.4.1; 1012 and 1013 of the IANA registry). */
const ENDINGS = {
  expired: [1008, 'credential expired'],
  revoked: [1008, 'credential revoked'],
  unbound: [1008, 'binding deleted'],
  upstream: [1012, 'upstream changed'],
  unconfirmed: [1013, 'try again later'],
  stopping: [1001, 'stopping'],
} as const satisfies Record<string, readonly [number, string]>;

export type Ending = keyof typeof ENDINGS;

/** One caller's WebSocket. */
export class SocketSession {
  readonly subscriptions: Subscriptions;
  #pending = 0;
  #answeredPing = true;

  constructor(
    private readonly parts: HttpParts,
    hub: SubscriptionHub,
    private readonly socket: WebSocket,
    readonly grant: Grant,
  ) {
    this.subscriptions = new Subscriptions(hub, { send: (text) => this.#send(text), lost: () => this.end('upstream') });
    socket.on('message', (data: Buffer) => void this.#answer(data));
    socket.on('pong', () => {
      this.#answeredPing = true;
    });
    socket.on('close', () => this.subscriptions.close());
    // ws closes the socket itself after an error (1009 for a frame too large); nothing is left to do.
    socket.on('error', () => this.subscriptions.close());
  }

  /** Stops at once: nothing more is answered or notified. */
  end(ending: Ending): void {
    const [code, reason] = ENDINGS[ending];
    this.subscriptions.close();
    this.socket.removeAllListeners('message');
    this.socket.close(code, reason);
  }

  /** Cuts a caller who answered no ping since the last. */
  beat(): void {
    if (!this.#answeredPing) {
      this.socket.terminate();
      return;
    }
    this.#answeredPing = false;
    this.socket.ping();
  }

  async #answer(data: Buffer): Promise<void> {
    if (this.grant.expiresAtMs <= this.parts.clock.nowMs()) return this.end('expired');
    if (!this.parts.confirmed()) return this.end('unconfirmed');
    this.#pending += 1;
    if (this.#pending >= MOST_PENDING) this.socket.pause();
    const { desk, answered } = this.subscriptions.desk();
    try {
      const { grant, parts } = this;
      const context = { grant, transport: 'socket', timeoutMs: parts.timeoutMs, subscriptions: desk } as const;
      const answer = await answerMessage(parts, data, context);
      if (answer.kind === 'json') this.#send(answer.body);
      answered();
    } catch (thrown) {
      this.parts.log.error({ reason: reasonOf(thrown) }, 'a WebSocket message could not be answered');
      this.#send(errorAnswer(null, 'internal', 'temporarily unavailable'));
    } finally {
      this.#pending -= 1;
      if (this.socket.isPaused && this.#pending < MOST_PENDING) this.socket.resume();
    }
  }

  #send(text: Wire): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.send(Buffer.from(text, 'latin1'), { binary: false });
    if (this.socket.bufferedAmount > MOST_BEHIND) this.socket.terminate();
  }
}
