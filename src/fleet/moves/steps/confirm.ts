import type { Change } from '../change.js';
import type { Answer, ChainView, Step } from '../ports.js';
import type { MoveRecord } from '../record.js';
import { fromTheFuture, mergeable } from '../watermark.js';
import { answered, hold, wait } from './apply.js';
import { type DeleteAnswer, future, stillSigning } from './drain.js';
import { lookElsewhere } from './elsewhere.js';

export interface ConfirmFacts {
  readonly answer: DeleteAnswer;
  /** Asked after the DELETE. */
  readonly keys: Answer<{ readonly keys: readonly string[] }>;
  readonly chain: ChainView;
  readonly notFoundIsNotActive: boolean;
  readonly nowMs: number;
}

/** DELETE again and again: `deleted` means it was there, only `not_active` twice in a row means that it is not. */
export const confirm: Step = async (move, lease, context) => {
  const { outside, options, nowMs } = context;
  const { back } = await lookElsewhere(move, move.source, lease, context);
  if (back)
    return { ...wait(move, back.page?.text ?? '', options.pollMs, back.evidence), merge: back.merge, page: back.page };
  const answer = await outside.deleteKey(move.source, move.publicKey, lease);
  const keys = await outside.listKeys(move.source);
  const [chain, notFoundIsNotActive] = await Promise.all([outside.chain(), outside.notFoundIsNotActive(move.source)]);
  return afterRepeatedDelete(move, { answer, keys, chain, notFoundIsNotActive, nowMs: nowMs() }, options.pollMs);
};

/** Pure. */
export function afterRepeatedDelete(move: MoveRecord, facts: ConfirmFacts, pollMs: number): Change {
  const { answer, keys } = facts;
  const evidence = [answered('delete', move.source, answer), answered('list', move.source, keys)];
  if (answer.outcome !== 'answered')
    return wait(move, `${move.source} does not answer: ${answer.reason}`, pollMs, evidence);
  if (fromTheFuture(answer.protection, facts.chain)) return future(move, evidence);
  const merge = mergeable(answer.protection, facts.chain);
  if (answer.status === 'error') return { ...stillSigning(move, pollMs, evidence), merge };
  if (answer.status === 'not_found' && !countsAsNotActive(move, facts)) {
    return hold(move, `${move.source} says it never had the key`, evidence);
  }
  const present = keys.outcome === 'answered' && keys.keys.includes(move.publicKey);
  const notActive = answer.status === 'deleted' || present ? 0 : move.progress.notActive + 1;
  const progress = {
    ...move.progress,
    errors: 0,
    notActive,
    deletedWithProtection:
      move.progress.deletedWithProtection || (answer.status === 'deleted' && answer.protection !== undefined),
    waiting: undefined,
  };
  if (notActive >= 2 && keys.outcome === 'answered') {
    return {
      state: 'restarted',
      progress: { ...progress, confirmedAtMs: facts.nowMs },
      merge,
      evidence,
    };
  }
  return { progress, merge, evidence, waitMs: pollMs };
}

/** After a doubtful import the key may never have arrived: there `not_found` is what one hopes for. */
function countsAsNotActive(move: MoveRecord, facts: ConfirmFacts): boolean {
  if (move.progress.doubts > 0 && move.source !== move.from) return true;
  return facts.notFoundIsNotActive && move.progress.deletedWithProtection;
}
