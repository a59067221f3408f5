import type { Challenge, Permission } from '../../authz/index.js';
import type { Grant } from './admissions.js';
import type { SubscriptionDesk } from './call.js';
import type { RpcGroup } from './endpoint.js';
import { scopeOf } from './groups.js';
import { errorAnswer, type RpcId, type Wire } from './json-rpc.js';
import { judge, type Transport, type Verdict } from './judge.js';
import type { Metrics } from './metrics.js';
import type { Perform } from './perform.js';
import { type RpcElement, type RpcRequest, readMessage } from './read-message.js';
import { type AnswerSink, answerBudget, type Budget } from './receive.js';

/** What a whole message (HTTP body or frame) is answered with. */
export type Answered =
  | { readonly kind: 'json'; readonly status: number; readonly body: Wire; readonly retryAfterSeconds?: number }
  /** Only notifications: nothing to say. */
  | { readonly kind: 'empty' }
  /** HTTP only: 401; the ticket asks for what the credential lacks. */
  | { readonly kind: 'challenge'; readonly id: RpcId; readonly wanted: readonly Permission[] }
  | { readonly kind: 'streamed' };

export interface MessageContext {
  readonly grant: Grant;
  readonly transport: Transport;
  readonly timeoutMs: number;
  /** Where a single large answer may be streamed, given the caller's id. */
  readonly sinkFor?: (id: RpcId) => AnswerSink;
  readonly subscriptions?: SubscriptionDesk;
}

export interface AnswerParts {
  readonly perform: Perform;
  readonly challenge: (wanted: readonly Permission[]) => Promise<Challenge>;
  readonly metrics: Metrics;
}

/** Elements of a batch in the works at once. */
const BATCH_WIDTH = 16;

/** The whole answer to one message, exactly as gateway.md says it. Rejects only when something we depend on is down. */
export async function answerMessage(parts: AnswerParts, bytes: Buffer, context: MessageContext): Promise<Answered> {
  const message = readMessage(bytes, context.grant.endpoint.limits.batch);
  switch (message.kind) {
    case 'unreadable':
      return { kind: 'json', status: 400, body: errorAnswer(null, 'parse', 'not JSON') };
    case 'refused':
      return { kind: 'json', status: 200, body: errorAnswer(null, 'invalidRequest', message.reason) };
    case 'single':
      return answerSingle(parts, message.element, context);
    case 'batch':
      return answerBatch(parts, message.elements, context);
  }
}

async function answerSingle(parts: AnswerParts, element: RpcElement, context: MessageContext): Promise<Answered> {
  if (element.kind === 'invalid') return { kind: 'json', status: 200, body: invalid(element.id, element.reason) };
  const verdict = judge(context.grant, element.method, context.transport);
  const answered = await answerJudged(parts, element, verdict, context);
  const empty = element.notification && (answered.kind === 'json' || answered.kind === 'streamed');
  return empty && verdict.kind !== 'limited' ? { kind: 'empty' } : answered;
}

async function answerJudged(
  parts: AnswerParts,
  request: RpcRequest,
  verdict: Verdict,
  context: MessageContext,
): Promise<Answered> {
  const { id } = request;
  if (verdict.kind === 'lacking' && context.transport === 'http') {
    parts.metrics.judged(undefined, 'unauthorized');
    return { kind: 'challenge', id, wanted: wantedFor(context.grant, [verdict.group]) };
  }
  if (verdict.kind === 'limited') {
    const { retryAfterSeconds } = verdict;
    parts.metrics.judged(undefined, 'limited');
    return { kind: 'json', status: 429, body: limited(id, retryAfterSeconds), retryAfterSeconds };
  }
  if (verdict.kind !== 'permitted') {
    return { kind: 'json', status: 200, body: await refusal(parts, id, verdict, context.grant, new Map()) };
  }
  const sink = request.notification ? undefined : context.sinkFor?.(id);
  return permitted(parts, request, verdict, context, answerBudget(), sink);
}

async function permitted(
  parts: AnswerParts,
  request: RpcRequest,
  verdict: Verdict & { kind: 'permitted' },
  context: MessageContext,
  budget: Budget,
  sink?: AnswerSink,
): Promise<Answered & { kind: 'json' | 'streamed' }> {
  const { method } = verdict;
  const { subscriptions } = context;
  const startedAt = performance.now();
  const reply = await parts.perform({
    grant: context.grant,
    request,
    method,
    deadline: startedAt + context.timeoutMs,
    budget,
    ...(sink === undefined ? {} : { sink }),
    ...(subscriptions === undefined ? {} : { subscriptions }),
  });
  const failed = reply.kind === 'whole' && reply.status !== 200;
  parts.metrics.answered(method.name, failed ? 'failed' : 'answered', performance.now() - startedAt);
  return reply.kind === 'streamed' ? reply : { kind: 'json', status: reply.status, body: reply.body };
}

async function answerBatch(
  parts: AnswerParts,
  elements: readonly RpcElement[],
  context: MessageContext,
): Promise<Answered> {
  // Charged in the order written, before any is carried out.
  const verdicts = elements.map((each) =>
    each.kind === 'invalid' ? undefined : judge(context.grant, each.method, context.transport),
  );
  const lacking = verdicts.flatMap((verdict) => (verdict?.kind === 'lacking' ? [verdict.group] : []));
  if (lacking.length === elements.length && context.transport === 'http') {
    return { kind: 'challenge', id: null, wanted: wantedFor(context.grant, lacking) };
  }
  const tickets = new Map<string, Promise<Challenge>>();
  const budget = answerBudget();
  const answers: (Wire | undefined)[] = new Array(elements.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < elements.length; index = next++) {
      answers[index] = await answerElement(parts, elements[index], verdicts[index], context, budget, tickets);
    }
  };
  await Promise.all(Array.from({ length: Math.min(BATCH_WIDTH, elements.length) }, work));
  const spoken = answers.filter((answer) => answer !== undefined);
  return spoken.length === 0 ? { kind: 'empty' } : { kind: 'json', status: 200, body: `[${spoken.join(',')}]` };
}

async function answerElement(
  parts: AnswerParts,
  element: RpcElement | undefined,
  verdict: Verdict | undefined,
  context: MessageContext,
  budget: Budget,
  tickets: Map<string, Promise<Challenge>>,
): Promise<Wire | undefined> {
  if (element === undefined) return undefined;
  if (element.kind === 'invalid' || verdict === undefined) {
    return invalid(element.id, element.kind === 'invalid' ? element.reason : 'not a request');
  }
  if (verdict.kind !== 'permitted') {
    if (element.notification) return undefined;
    return refusal(parts, element.id, verdict, context.grant, tickets);
  }
  const answered = await permitted(parts, element, verdict, context, budget);
  return element.notification || answered.kind !== 'json' ? undefined : answered.body;
}

/** The error in place of an answer; one ticket per missing group and message. */
async function refusal(
  parts: AnswerParts,
  id: RpcId,
  verdict: Exclude<Verdict, { kind: 'permitted' }>,
  grant: Grant,
  tickets: Map<string, Promise<Challenge>>,
): Promise<Wire> {
  switch (verdict.kind) {
    case 'unknown':
      parts.metrics.judged(undefined, 'unknown');
      return errorAnswer(id, 'methodNotFound', 'no such method');
    case 'limited':
      parts.metrics.judged(undefined, 'limited');
      return limited(id, verdict.retryAfterSeconds);
    case 'lacking': {
      parts.metrics.judged(undefined, 'unauthorized');
      const asking = tickets.get(verdict.group) ?? parts.challenge(wantedFor(grant, [verdict.group]));
      tickets.set(verdict.group, asking);
      const { asUri, ticket } = await asking;
      return errorAnswer(id, 'unauthorized', `the credential lacks ${scopeOf(verdict.group)}`, {
        as_uri: asUri,
        ticket,
      });
    }
  }
}

const invalid = (id: RpcId, reason: string): Wire => errorAnswer(id, 'invalidRequest', reason);

const limited = (id: RpcId, retryAfterSeconds: number): Wire =>
  errorAnswer(id, 'limited', 'the limit of compute units is reached', { retry_after_seconds: retryAfterSeconds });

function wantedFor(grant: Grant, groups: readonly RpcGroup[]): Permission[] {
  return [{ resourceId: grant.endpoint.resourceId, scopes: [...new Set(groups)].map(scopeOf) }];
}
