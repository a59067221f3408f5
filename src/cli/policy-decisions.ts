import { readFile } from 'node:fs/promises';
import type { RecordedDecision } from '../../authz/policy/replay.js';
import { DomainError } from '../errors.js';
import { operatorClient } from './operator-client.js';

const PAGE = 1_000;

export interface DecisionFilter {
  readonly party?: string;
  readonly resourceKey?: string;
  readonly outcome?: string;
  readonly since?: string;
  /** Only this one. */
  readonly id?: string;
}

/**
 * Recorded decisions, newest first: from a file that `policy replay --export` wrote or GET /authz/decisions gave (JSON, or NDJSON), else
 * from the running broker.
 */
export async function readDecisions(
  file: string | undefined,
  filter: DecisionFilter,
  limit: number,
  progress: (line: string) => void,
): Promise<RecordedDecision[]> {
  if (file !== undefined) return decisionsIn(file);
  const operator = operatorClient();
  const found: RecordedDecision[] = [];
  let before = filter.id === undefined ? undefined : idAfter(filter.id);
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - found.length)) });
    if (filter.party !== undefined) query.set('party', filter.party);
    if (filter.resourceKey !== undefined) query.set('resource_key', filter.resourceKey);
    if (filter.outcome !== undefined) query.set('outcome', filter.outcome);
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

/** Pages end before an id: the page that begins with this decision ends before the next. */
function idAfter(id: string): string {
  if (!/^\d{1,17}$/.test(id)) throw new DomainError('NoDecision', `${id} is not the id of a decision`);
  return String(BigInt(id) + 1n);
}

async function decisionsIn(file: string): Promise<RecordedDecision[]> {
  let content: unknown;
  try {
    content = parsed(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new DomainError('DecisionsUnreadable', `cannot read decisions from ${file}`, { cause });
  }
  const { decisions = [content].flat() } = content as { decisions?: unknown };
  if (Array.isArray(decisions) && decisions.every(isDecision)) return decisions;
  throw new DomainError('DecisionsUnreadable', `${file} holds neither {"decisions": […]} nor one decision a line`);
}

/** One JSON document, or one a line. */
function parsed(text: string): unknown {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  try {
    return JSON.parse(text);
  } catch (fault) {
    if (!(fault instanceof SyntaxError) || lines.length < 2) throw fault;
    return lines.map((line) => JSON.parse(line) as unknown);
  }
}

function isDecision(value: unknown): value is RecordedDecision {
  return typeof value === 'object' && value !== null && 'id' in value && 'outcome' in value && 'scopes' in value;
}
