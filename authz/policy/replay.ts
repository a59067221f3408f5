import { claimNames } from './claim-names.js';
import type { Decider } from './decide.js';
import { questionOf } from './question.js';
import type { Assessment, AssessRequest } from './types.js';

/** A recorded decision as GET /authz/decisions answers it. */
export interface RecordedDecision {
  readonly id: string;
  readonly at: string;
  readonly party: string;
  readonly resource: { readonly type: string; readonly key: string };
  readonly scopes: readonly string[];
  readonly outcome: Assessment['outcome'];
  readonly reason: string;
  readonly policies: readonly string[];
  readonly claim_names: readonly string[];
  readonly policy_set: string;
  readonly question?: AssessRequest | null;
}

/** gains, loses: what the party may do. undecidable: the answer hangs on what the log does not keep, see `hangsOn`. */
export type ReplayChange = 'gains' | 'loses' | 'other' | 'same' | 'undecidable';

export interface Replayed {
  readonly decision: RecordedDecision;
  readonly change: ReplayChange;
  readonly now?: Assessment;
  /** Of an undecidable one, in people's words. */
  readonly hangsOn?: string;
}

/** How near to a permit an outcome is. */
const RANK: Readonly<Record<Assessment['outcome'], number>> = { deny: 0, need_info: 1, owner_approval: 2, permit: 3 };

/** Asks the recorded questions again. Each is asked at its own time, with the facts of then. */
export function replay(decider: Decider, decisions: readonly RecordedDecision[]): Replayed[] {
  return decisions.map((decision) => replayed(decider, decision));
}

function replayed(decider: Decider, decision: RecordedDecision): Replayed {
  const { question } = decision;
  if (question === undefined || question === null)
    return { decision, change: 'undecidable', hangsOn: 'a question the log did not keep' };
  if (question.ownPolicies)
    return { decision, change: 'undecidable', hangsOn: 'policies that the owner wrote itself, which are no files' };
  const now = decider.assess(question);
  const forgotten = decision.claim_names.filter((name) => !Object.hasOwn(question.claims, name));
  const read = decider
    .candidates(questionOf(question, decider.set.schema))
    .flatMap((policy) => [...claimNames(policy)]);
  if (forgotten.some((name) => read.includes(name))) {
    return { decision, change: 'undecidable', now, hangsOn: 'claims the log does not keep' };
  }
  if (now.outcome === decision.outcome) return { decision, change: 'same', now };
  const gained = RANK[now.outcome] - RANK[decision.outcome];
  const may = (outcome: Assessment['outcome']) => RANK[outcome] >= RANK.owner_approval;
  const changed = may(now.outcome) || may(decision.outcome);
  return { decision, change: !changed ? 'other' : gained > 0 ? 'gains' : 'loses', now };
}
