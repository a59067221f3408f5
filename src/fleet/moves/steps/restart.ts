import type { Change } from '../change.js';
import type { Answer, Step } from '../ports.js';
import type { MoveRecord, Post } from '../record.js';
import { freshDrain } from '../record.js';
import { answered, hold, wait } from './apply.js';

type RestartAnswer =
  | Answer<{ readonly startedAtMs: number }>
  | { readonly outcome: 'unsupported'; readonly reason: string };

export interface RestartFacts {
  readonly answer: RestartAnswer;
  /** Asked after the restart. */
  readonly keys: Answer<{ readonly keys: readonly string[] }>;
  /** Keys that must be in that list, or the list proves nothing. */
  readonly expected: readonly string[];
}

/** A key that comes back this often is not the mover's to bring to rest. */
const RESURRECTIONS_BEFORE_HOLD = 3;

/** Only a restart shows what the validator client will do after one, and cuts whatever was still on its way to it. */
export const restart: Step = async (move, _lease, { store, outside, options, nowMs }) => {
  const late = move.progress.posts.filter((post) => post.to === move.source && post.untilMs >= nowMs());
  if (late.length > 0) return wait(move, `an import at ${move.source} may still arrive`, options.pollMs);
  const answer = await outside.restart(move.source, mustBeginAfter(move) ?? nowMs());
  const [keys, expected] = await Promise.all([outside.listKeys(move.source), store.expectedAt(move.source)]);
  return afterRestart(move, { answer, keys, expected }, options);
};

/**
 * Wall clock, ms. A restart before the absence was confirmed shows nothing, and one before the last import in doubt was given
 * up here did not cut that import off (security.md, A6).
 */
function mustBeginAfter({ source, progress }: MoveRecord): number | undefined {
  const given = progress.posts.filter((post) => post.to === source).map((post) => post.untilMs);
  const moments = [progress.confirmedAtMs, ...given].filter((moment) => moment !== undefined);
  return moments.length === 0 ? undefined : Math.max(...moments);
}

/** Pure. */
export function afterRestart(
  move: MoveRecord,
  facts: RestartFacts,
  options: { readonly pollMs: number; readonly withoutRestartHook: 'hold' | 'continue' },
): Change {
  const { answer, keys, expected } = facts;
  const evidence = [answered('restart', move.source, answer), answered('list', move.source, keys)];
  if (answer.outcome === 'unsupported') {
    const doubtful = move.progress.posts.some((post) => post.to === move.source && !post.answered);
    if (doubtful || options.withoutRestartHook === 'hold') return hold(move, answer.reason, evidence);
  } else if (answer.outcome !== 'answered') {
    return wait(move, `${move.source} was not restarted: ${answer.reason}`, options.pollMs, evidence);
  } else if (answer.startedAtMs < (mustBeginAfter(move) ?? 0)) {
    return wait(move, `${move.source} did not come back with a new start time`, options.pollMs, evidence);
  }
  if (keys.outcome !== 'answered')
    return wait(move, `${move.source} does not answer: ${keys.reason}`, options.pollMs, evidence);
  if (keys.keys.includes(move.publicKey)) return resurrected(move, evidence, options.pollMs);
  if (!expected.every((publicKey) => keys.keys.includes(publicKey))) {
    return wait(move, `${move.source} does not list its other keys yet`, options.pollMs, evidence);
  }
  const posts: readonly Post[] = move.progress.posts.filter((post) => post.to !== move.source);
  return { state: 'quiet', progress: { ...move.progress, posts, quiet: undefined, waiting: undefined }, evidence };
}

/** The key is there again: start over, and tell people. */
export function resurrected(move: MoveRecord, evidence: Change['evidence'], waitMs: number): Change {
  const text = `resurrected key: ${move.source} has it again after it was deleted`;
  const page = { kind: 'resurrected key' as const, text, validatorClient: move.source };
  const resurrections = move.progress.resurrections + 1;
  const progress = { ...freshDrain(move.progress), resurrections };
  if (resurrections >= RESURRECTIONS_BEFORE_HOLD)
    return hold(move, text, evidence, { progress: { ...progress, cleanup: move.source }, page });
  return { state: 'confirming', progress, evidence, page, waitMs };
}
