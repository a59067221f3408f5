import type { Watermark } from '../../../keys/slashing-protection/watermark.js';
import { highest } from '../../../keys/slashing-protection/watermark.js';
import type { Change } from '../change.js';
import type { ChainView, Step } from '../ports.js';
import { freshDrain, type MoveRecord } from '../record.js';
import { currentEpoch, fromTheFuture, mergeable, watermarkHash, watermarkToSend } from '../watermark.js';
import { answered, hold, wait } from './apply.js';
import { type DeleteAnswer, future, stillSigning } from './drain.js';
import { lookElsewhere } from './elsewhere.js';
import { type DestinationFacts, destinationFault, lookAtDestination } from './preflight.js';
import { resurrected } from './restart.js';

export interface ReadyFacts extends DestinationFacts {
  readonly answer: DeleteAnswer;
  readonly ledger: Watermark;
  readonly notFoundIsNotActive: boolean;
  readonly nowMs: number;
}

/** One last DELETE, the destination looked at again, and the right granted with what will be sent. */
export const prepare: Step = async (move, lease, context) => {
  const { store, outside, options } = context;
  const { back } = await lookElsewhere(move, move.source, lease, context);
  if (back) {
    const { merge, evidence, page } = back;
    return { state: 'confirming', progress: freshDrain(move.progress), merge, evidence, page, waitMs: options.pollMs };
  }
  const answer = await outside.deleteKey(move.source, move.publicKey, lease);
  const [destination, ledger, notFoundIsNotActive] = await Promise.all([
    lookAtDestination(move, context),
    store.ledger(move.publicKey),
    outside.notFoundIsNotActive(move.source),
  ]);
  return afterLastDelete(
    move,
    { ...destination, answer, ledger, notFoundIsNotActive, nowMs: context.nowMs() },
    options,
  );
};

/** Pure. */
export function afterLastDelete(
  move: MoveRecord,
  facts: ReadyFacts,
  options: { readonly pollMs: number; readonly patienceMs: number },
): Change {
  const { answer, chain } = facts;
  const evidence = [answered('delete', move.source, answer)];
  if (answer.outcome !== 'answered')
    return wait(move, `${move.source} does not answer: ${answer.reason}`, options.pollMs, evidence);
  if (fromTheFuture(answer.protection, chain)) return future(move, evidence);
  if (answer.status === 'deleted')
    return { ...resurrected(move, evidence, options.pollMs), merge: mergeable(answer.protection, chain) };
  if (answer.status === 'error') return stillSigning(move, options.pollMs, evidence);
  if (answer.status === 'not_found' && !mayBeForgotten(move, facts)) {
    return hold(move, `${move.source} says it never had the key`, evidence);
  }
  const held = highest(facts.ledger, answer.protection);
  if (fromTheFuture(held, chain)) return future(move, evidence);
  const fault = destinationFault(move, facts) ?? notCaughtUp(move, held, chain);
  const mark = watermarkToSend(held, chain);
  if (fault !== undefined || !mark) return notReady(move, fault ?? 'no beacon node answers', facts, options);
  return {
    state: 'importing',
    progress: {
      ...move.progress,
      watermark: mark,
      watermarkHash: watermarkHash(move.publicKey, mark),
      importedEpoch: currentEpoch(chain),
      waiting: undefined,
      failingSinceMs: undefined,
    },
    right: { from: undefined, to: move.destination },
    merge: mark,
    tombstone: { validatorClient: move.destination, why: 'import intent' },
    evidence: [
      ...evidence,
      answered('list', move.destination, facts.keys),
      { kind: 'commit', detail: { right: move.destination, watermark: shown(mark) } },
    ],
  };
}

/** The destination's beacon node must have the justified epoch of the watermark, or its votes would be refused. */
export function notCaughtUp(move: MoveRecord, held: Watermark, chain: ChainView): string | undefined {
  const mark = watermarkToSend(held, chain);
  const behind = chain.nodes.find(
    (node) => node.clients.includes(move.destination) && node.justifiedEpoch < (mark?.sourceEpoch ?? 0n),
  );
  return behind && `beacon node ${behind.name} is behind the justified epoch ${mark?.sourceEpoch}`;
}

/** Pages and evidence are JSON: no bigint. */
export function shown(mark: Watermark): object {
  return { source_epoch: String(mark.sourceEpoch), target_epoch: String(mark.targetEpoch), slot: String(mark.slot) };
}

function mayBeForgotten(move: MoveRecord, facts: ReadyFacts): boolean {
  if (move.progress.doubts > 0 && move.source !== move.from) return true;
  return facts.notFoundIsNotActive && move.progress.deletedWithProtection;
}

/** A destination that does not come back loses the key to where it came from: the same path, with B := A. */
function notReady(
  move: MoveRecord,
  fault: string,
  facts: ReadyFacts,
  options: { readonly pollMs: number; readonly patienceMs: number },
): Change {
  const since = move.progress.failingSinceMs ?? facts.nowMs;
  const progress = { ...move.progress, waiting: fault, failingSinceMs: since };
  if (facts.nowMs - since < options.patienceMs || move.destination === move.from) {
    return { progress, evidence: [], waitMs: options.pollMs };
  }
  return {
    destination: move.from,
    progress: { ...progress, failingSinceMs: undefined },
    evidence: [{ kind: 'commit', detail: { turned_back: fault } }],
    waitMs: options.pollMs,
  };
}
