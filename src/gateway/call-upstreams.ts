import type { AnswerSink, Budget } from './receive.js';
import type { UpstreamAnswer } from './splice.js';
import type { FailureReason, Upstream } from './upstream.js';

export type Called =
  | { readonly kind: 'answered'; readonly answer: UpstreamAnswer; readonly by: Upstream }
  | { readonly kind: 'streamed' }
  /** `unknown`: a request that is not a read may have been carried out. */
  | { readonly kind: 'failed'; readonly reason: FailureReason | 'none'; readonly unknown: boolean };

/** One of several upstreams is given this long, so that there is time for the next. */
const PATIENCE_MS = 10_000;
const MOST_TRIES = 3;

/**
 * Asks the upstreams in turn. A read goes on to the next whenever one fails (with one only, it is asked once more);
 * anything else goes on only when it was surely not sent.
 */
export async function callUpstreams(
  upstreams: readonly Upstream[],
  call: { readonly method: string; readonly params: string; readonly sink?: AnswerSink; readonly budget?: Budget },
  options: { readonly repeatable: boolean; readonly deadline: number },
): Promise<Called> {
  const tries = upstreams.length === 1 ? [...upstreams, ...upstreams] : upstreams.slice(0, MOST_TRIES);
  let reason: (Called & { kind: 'failed' })['reason'] = 'none';
  for (const [index, upstream] of tries.entries()) {
    const remaining = options.deadline - performance.now();
    if (remaining <= 0) break;
    const hurry = options.repeatable && upstreams.length > 1 && index < tries.length - 1;
    const timeoutMs = hurry ? Math.min(remaining, PATIENCE_MS) : remaining;
    const outcome = await upstream.call({ ...call, timeoutMs });
    if (outcome.kind === 'answered') return { ...outcome, by: upstream };
    if (outcome.kind === 'streamed') return outcome;
    reason = outcome.reason;
    if (reason === 'too-large') break;
    if (!options.repeatable && outcome.sent) return { kind: 'failed', reason, unknown: true };
  }
  return { kind: 'failed', reason, unknown: false };
}
