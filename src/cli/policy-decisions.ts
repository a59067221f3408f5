import { readFile } from 'node:fs/promises';
import type { RecordedDecision } from '../../authz/policy/replay.js';
import { DomainError } from '../errors.js';
import { operatorClient } from './operator-client.js';

const PAGE = 1_000;

export interface DecisionFilter {
  readonly party?: string;
  readonly resourceKey?: string;
  readonly since?: string;
}

/** Recorded decisions, newest first: from a file that `policy replay --export` wrote, else from the running broker. */
export async function readDecisions(
  file: string | undefined,
  filter: DecisionFilter,
  limit: number,
  progress: (line: string) => void,
): Promise<RecordedDecision[]> {
  if (file !== undefined) return decisionsIn(file);
  const operator = operatorClient();
  const found: RecordedDecision[] = [];
  let before: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - found.length)) });
    if (filter.party !== undefined) query.set('party', filter.party);
    if (filter.resourceKey !== undefined) query.set('resource_key', filter.resourceKey);
    if (filter.since !== undefined) query.set('since', filter.since);
    if (before !== undefined) query.set('before', before);
    const page = (await operator.call('GET', `/authz/decisions?${query}`)).body as unknown as {
      decisions: RecordedDecision[];
      next_before?: string;
    };
    found.push(...page.decisions);
    before = page.next_before;
    progress(`${found.length} decisions read`);
  } while (before !== undefined && found.length < limit);
  return found;
}

async function decisionsIn(file: string): Promise<RecordedDecision[]> {
  try {
    const document = JSON.parse(await readFile(file, 'utf8')) as { decisions?: RecordedDecision[] };
    if (Array.isArray(document.decisions)) return document.decisions;
  } catch (cause) {
    throw new DomainError('DecisionsUnreadable', `cannot read decisions from ${file}`, { cause });
  }
  throw new DomainError('DecisionsUnreadable', `${file} holds no {"decisions": […]}`);
}
