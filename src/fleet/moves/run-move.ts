import { strangerAt } from './pins.js';
import { Fenced, type Lease, NoRoom, type StepContext } from './ports.js';
import type { MoveRecord } from './record.js';
import { wait } from './steps/apply.js';
import { steps } from './steps/index.js';

/** Steps that follow each other at once, without giving up the claim. */
const STEPS_IN_A_ROW = 12;

/** Runs a claimed move until it must wait, is over, or is another mover's. Crashing anywhere in it is safe. */
export async function runMove(claimed: MoveRecord, lease: Lease, context: StepContext): Promise<void> {
  let move = claimed;
  try {
    for (let count = 0; count < STEPS_IN_A_ROW; count += 1) {
      if (move.state === 'placed' || move.state === 'aborted') return;
      const stranger = await strangerAt(move, context.outside);
      const change =
        stranger === undefined
          ? await steps[move.state](move, lease, context)
          : wait(move, stranger, context.options.pollMs);
      move = await commitOrWait(move, change, context);
      if (change.waitMs !== undefined) return;
    }
  } catch (thrown) {
    if (!(thrown instanceof Fenced)) throw thrown;
  }
}

async function commitOrWait(
  move: MoveRecord,
  change: Parameters<StepContext['store']['commit']>[1],
  { store, options }: StepContext,
) {
  try {
    return await store.commit(move, change);
  } catch (thrown) {
    if (!(thrown instanceof NoRoom)) throw thrown;
    const progress = { ...move.progress, waiting: thrown.message, failingSinceMs: undefined };
    await store.commit(move, { progress, evidence: [], waitMs: options.pollMs });
    throw new Fenced('waits for room');
  }
}
