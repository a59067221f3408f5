import type { Change, EvidenceItem, PageItem } from '../change.js';
import type { Answer } from '../ports.js';
import type { MoveRecord, Progress } from '../record.js';

/** Stays in its state and looks again later. */
export function wait(move: MoveRecord, why: string, waitMs: number, evidence: readonly EvidenceItem[] = []): Change {
  return { progress: { ...move.progress, waiting: why }, evidence, waitMs };
}

/** Stands still until an operator brings evidence. The right is withdrawn here when the destination has it. */
export function hold(
  move: MoveRecord,
  why: string,
  evidence: readonly EvidenceItem[],
  extra: { progress?: Partial<Progress>; page?: PageItem } = {},
): Change {
  const doubtful = move.state === 'importing';
  return {
    state: 'hold',
    holdReason: why,
    progress: { ...move.progress, ...extra.progress, waiting: why, ...(doubtful ? { cleanup: move.destination } : {}) },
    ...(doubtful ? { right: { from: move.destination, to: undefined } } : {}),
    evidence,
    page: extra.page ?? { kind: 'move in hold', text: why, validatorClient: move.source },
    waitMs: 0,
  };
}

/** An answer as evidence. */
export function answered(
  kind: string,
  client: string,
  answer: Answer<object> | { outcome: string; reason: string },
): EvidenceItem {
  const detail =
    'raw' in answer
      ? { validator_client: client, outcome: answer.outcome, raw: answer.raw }
      : { validator_client: client, outcome: answer.outcome, reason: 'reason' in answer ? answer.reason : '' };
  return { kind, detail };
}
