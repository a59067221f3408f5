import type { Watermark } from '../../../keys/slashing-protection/watermark.js';
import type { Change } from '../change.js';
import type { Answer, ChainView, DeleteStatus, Step } from '../ports.js';
import type { MoveRecord } from '../record.js';
import { fromTheFuture, mergeable } from '../watermark.js';
import { answered, hold, wait } from './apply.js';

export type DeleteAnswer = Answer<{ readonly status: DeleteStatus; readonly protection?: Watermark | undefined }>;

/** DELETEs answered `error` in a row before people are asked. */
const ERRORS_BEFORE_HOLD = 20;

/** The intent is committed: DELETE at the source, as often as it takes. */
export const drain: Step = async (move, lease, { outside, options }) => {
  const answer = await outside.deleteKey(move.source, move.publicKey, lease);
  return afterFirstDelete(move, answer, await outside.chain(), options.pollMs);
};

/** Pure. A positive answer ends the source's right; `deleted` is a claim, so nothing follows from it but more questions. */
export function afterFirstDelete(move: MoveRecord, answer: DeleteAnswer, chain: ChainView, pollMs: number): Change {
  const evidence = [answered('delete', move.source, answer)];
  if (answer.outcome !== 'answered')
    return wait(move, `${move.source} does not answer: ${answer.reason}`, pollMs, evidence);
  if (fromTheFuture(answer.protection, chain)) return future(move, evidence);
  const progress = { ...move.progress, waiting: undefined, errors: 0 };
  switch (answer.status) {
    case 'deleted':
    case 'not_active':
      return {
        state: 'confirming',
        progress: {
          ...progress,
          deletedWithProtection: answer.status === 'deleted' && answer.protection !== undefined,
          notActive: answer.status === 'not_active' ? 1 : 0,
        },
        right: { from: move.source, to: undefined },
        merge: mergeable(answer.protection, chain),
        tombstone: { validatorClient: move.source, why: 'deleted' },
        evidence,
        waitMs: pollMs,
      };
    case 'not_found':
      return hold(move, `${move.source} says it never had the key it listed`, evidence);
    case 'error':
      return stillSigning(move, pollMs, evidence);
  }
}

/** The source said `error`: it may still sign. */
export function stillSigning(move: MoveRecord, pollMs: number, evidence: Change['evidence']): Change {
  const errors = move.progress.errors + 1;
  if (errors >= ERRORS_BEFORE_HOLD) return hold(move, `${move.source} refuses to delete the key`, evidence);
  const waiting = `${move.source} answered DELETE with an error`;
  return { progress: { ...move.progress, errors, notActive: 0, waiting }, evidence, waitMs: pollMs };
}

/** Protection of epochs that have not come is not merged: it would silence the key for ever (security.md, A4). */
export function future(move: MoveRecord, evidence: Change['evidence']): Change {
  const why = `${move.source} returned slashing protection from the future`;
  return hold(move, why, evidence, {
    page: { kind: 'protection from the future', text: why, validatorClient: move.source },
  });
}
