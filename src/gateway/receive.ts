import type { Dispatcher, Pool } from 'undici';
import type { Wire } from './json-rpc.js';
import { type StreamShape, streamEnd, streamHead, streamShape } from './splice.js';

/** Where an answer above 32 kB goes while it arrives. */
export interface AnswerSink {
  /** The caller's id, already on the wire form. */
  readonly id: Wire;
  /** Writes the response's head and first bytes; false: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  onDrain(resume: () => void): void;
  end(): void;
  /** The answer broke off: the caller must see that it is not whole. */
  breakOff(): void;
  /** True once the caller has gone away. */
  gone(): boolean;
}

export type Received =
  | { readonly kind: 'whole'; readonly status: number; readonly body: Wire }
  | { readonly kind: 'streamed' }
  | { readonly kind: 'failed'; readonly reason: 'timeout' | 'connection' | 'too-large'; readonly sent: boolean };

const STREAM_ABOVE = 32 * 1024;
/** Bytes that the answers to one message may take in memory (batch, WebSocket, unknown shape). */
export interface Budget {
  left: number;
}

export const answerBudget = (): Budget => ({ left: 25 * 1024 * 1024 });

const HEADERS = { 'content-type': 'application/json' };

class TimedOut extends Error {}
class TooLarge extends Error {}
class CallerGone extends Error {}

/** POSTs `body` and reads the answer within `timeoutMs` in all. Redirects are answers like others. Never rejects. */
export function receive(
  pool: Pool,
  path: string,
  body: string,
  options: { readonly timeoutMs: number; readonly sink?: AnswerSink; readonly budget?: Budget },
): Promise<Received> {
  return new Promise((resolve) => {
    const reading = new Reading(options.timeoutMs, options.sink, options.budget ?? answerBudget(), resolve);
    try {
      pool.dispatch({ path, method: 'POST', body, headers: HEADERS, headersTimeout: 0, bodyTimeout: 0 }, reading);
    } catch {
      // undici throws only when the pool is closed or the options are wrong; nothing was sent.
      reading.refuse();
    }
  });
}

class Reading implements Dispatcher.DispatchHandler {
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #unstreamable = false;
  #status = 0;
  #sent = false;
  #shape: StreamShape | undefined;
  #held = '';
  #controller: Dispatcher.DispatchController | undefined;
  #late = false;
  #done = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    timeoutMs: number,
    private readonly sink: AnswerSink | undefined,
    private readonly budget: Budget,
    private readonly settle: (received: Received) => void,
  ) {
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#controller?.abort(new TimedOut());
      if (this.#shape === undefined) this.#finish({ kind: 'failed', reason: 'timeout', sent: this.#sent });
    }, timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#late) controller.abort(new TimedOut());
    else this.#sent = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#shape !== undefined) this.#pass(controller, chunk.toString('latin1'));
    else this.#gather(controller, chunk);
  }

  #gather(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > STREAM_ABOVE && !this.#unstreamable && this.#stream(controller)) return;
    this.budget.left -= chunk.length;
    if (this.budget.left < 0) controller.abort(new TooLarge());
  }

  onResponseEnd(): void {
    if (this.#shape !== undefined) {
      this.#endStream();
      return;
    }
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#finish({ kind: 'whole', status: this.#status, body: body.toString('latin1') });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#shape !== undefined) {
      this.sink?.breakOff();
      this.#finish({ kind: 'streamed' });
      return;
    }
    const reason = error instanceof TimedOut ? 'timeout' : error instanceof TooLarge ? 'too-large' : 'connection';
    this.#finish({ kind: 'failed', reason, sent: this.#sent });
  }

  refuse(): void {
    this.#finish({ kind: 'failed', reason: 'connection', sent: false });
  }

  #stream(controller: Dispatcher.DispatchController): boolean {
    const start = Buffer.concat(this.#chunks).toString('latin1');
    const shape = this.sink === undefined || this.#status !== 200 ? undefined : streamShape(start);
    this.#unstreamable = shape === undefined;
    if (shape === undefined || this.sink === undefined) return false;
    this.#shape = shape;
    this.#chunks.length = 0;
    this.#pass(controller, streamHead(shape, start, this.sink.id));
    return true;
  }

  #pass(controller: Dispatcher.DispatchController, text: Wire): void {
    const { sink } = this;
    if (sink === undefined) return;
    if (sink.gone()) {
      controller.abort(new CallerGone());
      return;
    }
    const all = this.#held + text;
    const cut = all.length - (this.#shape?.heldBack ?? 0);
    this.#held = all.slice(Math.max(0, cut));
    if (cut <= 0 || sink.write(Buffer.from(all.slice(0, cut), 'latin1'))) return;
    controller.pause();
    sink.onDrain(() => controller.resume());
  }

  #endStream(): void {
    const { sink } = this;
    if (sink === undefined || this.#shape === undefined) return;
    const end = streamEnd(this.#shape, this.#held, sink.id);
    if (end === undefined) sink.breakOff();
    else {
      if (end !== '') sink.write(Buffer.from(end, 'latin1'));
      sink.end();
    }
    this.#finish({ kind: 'streamed' });
  }

  #finish(received: Received): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.settle(received);
  }
}
