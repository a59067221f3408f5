import { performance } from 'node:perf_hooks';
import { Agent, type Dispatcher, request } from 'undici';
import { reasonOf } from '../../../errors.js';

/** What came back, or why nothing did. `refused`: no byte of the request left, so it had no effect. */
export type Reply =
  | { readonly outcome: 'answered'; readonly status: number; readonly text: string }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unanswered'; readonly reason: string };

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly bearer?: string | undefined;
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** `performance.now()`: checked again just before the first byte leaves (security.md, A6). */
  readonly notAfterMonotonicMs?: number | undefined;
  /** `Date.now()`, checked with it: the monotonic clock stands still while a machine is suspended. */
  readonly notAfterMs?: number | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export class HttpCaller {
  readonly #agent = new Agent({
    connectTimeout: 3_000,
    maxResponseSize: MAX_ANSWER_BYTES,
    keepAliveTimeout: 4_000,
    connections: 8,
  });

  async send(call: Call): Promise<Reply> {
    const left = timeLeft(call);
    if (left <= 0) return { outcome: 'refused', reason: 'the claim ran out before the call' };
    let begun = false;
    const dispatcher = this.#agent.compose(
      beforeFirstByte(call, () => {
        begun = true;
      }),
    );
    try {
      const answer = await request(call.url, {
        method: call.method,
        dispatcher,
        signal: AbortSignal.timeout(Math.ceil(Math.min(call.timeoutMs, left))),
        headers: {
          accept: 'application/json',
          ...(call.bearer === undefined ? {} : { authorization: `Bearer ${call.bearer}` }),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      const text = await answer.body.text();
      return { outcome: 'answered', status: answer.statusCode, text };
    } catch (thrown) {
      return { outcome: begun ? 'unanswered' : 'refused', reason: reasonOf(thrown) };
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function timeLeft({ notAfterMonotonicMs, notAfterMs }: Call): number {
  const forever = Number.POSITIVE_INFINITY;
  return Math.min((notAfterMonotonicMs ?? forever) - performance.now(), (notAfterMs ?? forever) - Date.now());
}

/** undici calls onRequestStart when a connection is there and nothing is written yet. */
function beforeFirstByte(call: Call, note: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        if (timeLeft(call) <= 0) {
          controller.abort(new Error('the claim ran out before the call'));
          return;
        }
        note();
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: (controller, status, headers, message) =>
        handler.onResponseStart?.(controller, status, headers, message),
      onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
      onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
      onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
    });
}

/** The JSON of a 2xx answer; undefined for anything else. */
export function bodyOf(reply: Reply): unknown {
  if (reply.outcome !== 'answered' || reply.status < 200 || reply.status > 299) return undefined;
  try {
    return JSON.parse(reply.text);
  } catch {
    return undefined;
  }
}

/** Why a reply is of no use, for people; bodies are cut. */
export function faultOf(reply: Reply): string {
  return reply.outcome === 'answered' ? `status ${reply.status}: ${reply.text.slice(0, 200)}` : reply.reason;
}
