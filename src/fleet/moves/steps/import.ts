import type { Watermark } from '../../../keys/slashing-protection/watermark.js';
import { highest } from '../../../keys/slashing-protection/watermark.js';
import type { Change } from '../change.js';
import type { Answer, ChainView, ImportStatus, Step } from '../ports.js';
import { freshDrain, type MoveRecord } from '../record.js';
import { currentEpoch, watermarkHash, watermarkToSend } from '../watermark.js';
import { answered, hold, wait } from './apply.js';
import { type Elsewhere, lookElsewhere } from './elsewhere.js';
import { notCaughtUp, shown } from './prepare.js';

/** Doubtful imports before people are asked. */
const DOUBTS_BEFORE_HOLD = 3;

/** The right is the destination's: import there, and only there, until the answer is known. */
export const importThere: Step = async (move, lease, context) => {
  const { store, outside, options } = context;
  const { back } = await lookElsewhere(move, move.destination, lease, context);
  if (back) return beforeImport(move, back, options.pollMs);
  const [chain, ledger] = await Promise.all([outside.chain(), store.ledger(move.publicKey)]);
  const intent = importIntent(move, ledger, chain, lease.untilMs, options.pollMs);
  if (intent.waitMs !== undefined) return intent;
  const meant = await store.commit(move, intent);
  const { watermark, genesisValidatorsRoot } = meant.progress;
  if (!watermark || genesisValidatorsRoot === undefined) return hold(meant, 'the move lost its watermark', []);
  const answer = await outside.importKey(meant.destination, meant.publicKey, watermark, genesisValidatorsRoot, lease);
  return afterImport(meant, answer, options.pollMs);
};

/**
 * Pure. A client that gave the key up has it again before it is imported. Nothing sent yet: the whole path again, there. Else
 * the destination may have it, and only waiting for the other's DELETE helps.
 */
export function beforeImport(move: MoveRecord, back: NonNullable<Elsewhere['back']>, pollMs: number): Change {
  const { client, merge, evidence, page } = back;
  if (move.progress.posts.some((post) => post.to === move.destination)) {
    return { ...wait(move, page?.text ?? '', pollMs, evidence), merge, page };
  }
  return {
    state: 'confirming',
    source: client,
    progress: { ...freshDrain(move.progress), resurrections: move.progress.resurrections + 1 },
    right: { from: move.destination, to: undefined },
    merge,
    evidence,
    page,
    waitMs: pollMs,
  };
}

/** Pure. What is about to be sent, its watermark raised to this moment; stored before it is sent. */
export function importIntent(
  move: MoveRecord,
  ledger: Watermark,
  chain: ChainView,
  untilMs: number,
  pollMs: number,
): Change {
  const held = highest(ledger, move.progress.watermark);
  const mark = watermarkToSend(held, chain);
  // An import already in doubt is asked about at once: waiting would leave the key where nobody knows.
  const doubtful = move.progress.posts.some((post) => post.to === move.destination);
  const behind = doubtful ? undefined : notCaughtUp(move, held, chain);
  if (!mark || behind !== undefined) return wait(move, behind ?? 'no beacon node answers', pollMs);
  return {
    progress: {
      ...move.progress,
      watermark: mark,
      watermarkHash: watermarkHash(move.publicKey, mark),
      importedEpoch: currentEpoch(chain),
      posts: [...move.progress.posts, { to: move.destination, untilMs, answered: false }],
      waiting: undefined,
    },
    merge: mark,
    evidence: [
      { kind: 'intent', detail: { call: 'import', validator_client: move.destination, watermark: shown(mark) } },
    ],
  };
}

/** Pure. `move.progress.posts` ends with the POST this answers. */
export function afterImport(
  move: MoveRecord,
  answer: Answer<{ readonly status: ImportStatus }>,
  pollMs: number,
): Change {
  const evidence = [answered('import', move.destination, answer)];
  const earlier = move.progress.posts.slice(0, -1);
  if (answer.outcome === 'unanswered')
    return wait(move, `${move.destination} did not answer the import`, pollMs, evidence);
  const progress = { ...move.progress, posts: earlier };
  if (answer.outcome === 'refused') {
    return {
      progress: { ...progress, waiting: `${move.destination} does not answer: ${answer.reason}` },
      evidence,
      waitMs: pollMs,
    };
  }
  const doubtful = earlier.some((post) => post.to === move.destination);
  switch (answer.status) {
    case 'imported':
      return { state: 'verify', progress, evidence, waitMs: pollMs };
    case 'duplicate':
      if (doubtful) return drainDestination({ ...move, progress }, evidence, pollMs);
      return hold({ ...move, progress }, `${move.destination} had the key already, from elsewhere`, evidence);
    case 'error':
      return drainDestination({ ...move, progress }, evidence, pollMs);
  }
}

/**
 * The destination may have the key under a protection we cannot name: take it away again, by the whole path (security.md,
 * A7). After an error the key goes back to where it came from.
 */
function drainDestination(move: MoveRecord, evidence: Change['evidence'], waitMs: number): Change {
  const doubts = move.progress.doubts + 1;
  if (doubts >= DOUBTS_BEFORE_HOLD) return hold(move, `${move.destination} does not take the key`, evidence);
  const failed = !move.progress.posts.some((post) => post.to === move.destination);
  return {
    state: 'confirming',
    source: move.destination,
    destination: failed ? move.from : move.destination,
    progress: { ...freshDrain(move.progress), doubts },
    right: { from: move.destination, to: undefined },
    tombstone: { validatorClient: move.destination, why: 'deleted' },
    evidence,
    waitMs,
  };
}
