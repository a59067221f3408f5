import type { Step } from '../ports.js';
import { mergeable } from '../watermark.js';
import { answered } from './apply.js';
import { lookElsewhere } from './elsewhere.js';

/**
 * In hold: the one thing left to do is to take the key from the client whose state is in doubt, and to see that neither it nor
 * one that gave the key up gets it back (an import may arrive late; the reconciler leaves open moves alone).
 */
export const cleanUp: Step = async (move, lease, context) => {
  const { outside, options } = context;
  const { cleanup, cleanedUp } = move.progress;
  if (cleanup === undefined) return { progress: move.progress, evidence: [], waitMs: options.patienceMs };
  const [{ back }, before] = await Promise.all([
    lookElsewhere(move, cleanup, lease, context),
    outside.listKeys(cleanup),
  ]);
  if (back) {
    const { merge, evidence, page } = back;
    return { progress: move.progress, merge, evidence, page, waitMs: options.pollMs * 5 };
  }
  if (cleanedUp && !(before.outcome === 'answered' && before.keys.includes(move.publicKey))) {
    return { progress: move.progress, evidence: [], waitMs: options.pollMs * 5 };
  }
  const answer = await outside.deleteKey(cleanup, move.publicKey, lease);
  const [keys, chain] = await Promise.all([outside.listKeys(cleanup), outside.chain()]);
  const gone =
    answer.outcome === 'answered' &&
    (answer.status === 'not_active' || answer.status === 'not_found') &&
    keys.outcome === 'answered' &&
    !keys.keys.includes(move.publicKey);
  return {
    progress: { ...move.progress, cleanedUp: gone },
    merge: answer.outcome === 'answered' ? mergeable(answer.protection, chain) : undefined,
    evidence: [answered('delete', cleanup, answer), answered('list', cleanup, keys)],
    waitMs: options.pollMs * 5,
  };
};
