import type { Step } from '../ports.js';
import { answered } from './apply.js';

/** In hold: the one thing left to do is to take the key from the client whose state is in doubt. */
export const cleanUp: Step = async (move, lease, { outside, options }) => {
  const { cleanup } = move.progress;
  if (cleanup === undefined) return { progress: move.progress, evidence: [], waitMs: options.patienceMs };
  const answer = await outside.deleteKey(cleanup, move.publicKey, lease);
  const keys = await outside.listKeys(cleanup);
  const gone =
    answer.outcome === 'answered' &&
    (answer.status === 'not_active' || answer.status === 'not_found') &&
    keys.outcome === 'answered' &&
    !keys.keys.includes(move.publicKey);
  return {
    progress: gone ? { ...move.progress, cleanup: undefined } : move.progress,
    merge: answer.outcome === 'answered' ? answer.protection : undefined,
    evidence: [answered('delete', cleanup, answer), answered('list', cleanup, keys)],
    waitMs: gone ? options.patienceMs : options.pollMs * 5,
  };
};
