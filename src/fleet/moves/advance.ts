import { performance } from 'node:perf_hooks';
import { reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { StepContext } from './ports.js';
import { runMove } from './run-move.js';

/** A claim is over for us a little before it is for others. */
const SAFETY_MS = 1_000;
/** How long one call goes on taking up moves that become due while others run. */
const ROUND_MS = 20_000;

/** Runs every due move, at most `concurrency` at a time, until none runs; idempotent and fenced by the claims. */
export async function advanceMoves(
  context: StepContext,
  concurrency: number,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const roundEnds = performance.now() + ROUND_MS;
  do {
    if (!signal.aborted && performance.now() < roundEnds) {
      const { leaseMs } = context.options;
      const until = { untilMonotonicMs: performance.now() + leaseMs - SAFETY_MS, untilMs: context.nowMs() + leaseMs };
      for (const move of await context.store.claim(concurrency - running.size, leaseMs)) {
        const task = runMove(move, until, context)
          .catch((thrown: unknown) =>
            logger.error({ move: move.id, reason: reasonOf(thrown) }, 'a step of a move failed'),
          )
          .finally(() => running.delete(task));
        running.add(task);
      }
    }
    if (running.size > 0) await Promise.race([...running, pause(500)]);
  } while (running.size > 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
