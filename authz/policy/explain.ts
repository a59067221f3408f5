import type { FactValue } from '../contract.js';
import { type CedarValueJson, type Expr, isAuthorized, type PolicyJson, policyToText } from './cedar.js';
import type { Decider } from './decide.js';
import { needsOwnerApproval, type Policy } from './policy.js';
import { type Question, questionOf } from './question.js';
import type { Assessment, AssessRequest } from './types.js';

/** One part of a policy's conditions and how it came out. */
export interface ExplainedCondition {
  /** Cedar text: `resource.share_ppm < 333333`. */
  readonly text: string;
  readonly holds: boolean;
  /** The facts it reads: `resource.share_ppm` → 700000, or undefined when unknown. */
  readonly facts: Readonly<Record<string, CedarValueJson | undefined>>;
}

export interface ExplainedPolicy {
  /** `policies/wallets.cedar:12 wallet-minority-plan`. */
  readonly policy: string;
  readonly effect: 'permit' | 'forbid';
  readonly friendly?: string;
  readonly obligation?: string;
  readonly applies: boolean;
  /** For a permit: those that failed. For a forbid that applies: all of them, since one must fail. */
  readonly conditions: readonly ExplainedCondition[];
  /** One line: what would have to change for this policy to let the request pass. */
  readonly change?: string;
}

export interface Explanation {
  readonly assessment: Assessment;
  /** Every policy that could have a say in this question: what decides it first, then the permits nearest to passing. */
  readonly policies: readonly ExplainedPolicy[];
}

/** Why the answer is what it is, policy by policy. For people: slower than a decision. */
export function explain(decider: Decider, request: AssessRequest): Explanation {
  const question = questionOf(request, decider.set.schema);
  const policies = decider
    .candidates(question)
    .map((policy) => explained(policy, question))
    .sort((one, other) => distance(one) - distance(other));
  return { assessment: decider.assess(request), policies };
}

/** How far a policy is from having its say: applying forbids, applying permits, permits by what they lack, idle forbids. */
function distance({ effect, applies, conditions }: ExplainedPolicy): number {
  if (applies) return effect === 'forbid' ? -2 : -1;
  if (effect === 'forbid') return Number.MAX_SAFE_INTEGER;
  const fixed = conditions.filter(({ facts }) => !Object.keys(facts).every((name) => name.startsWith('context.')));
  // What the party can show weighs less than what it and the resource are.
  return conditions.length + fixed.length * conditions.length;
}

function explained(policy: Policy, question: Question): ExplainedPolicy {
  const applies = holds(policy.ast, question);
  const parts = policy.ast.conditions.flatMap((clause) => {
    const wanted = conjuncts(clause.body);
    return clause.kind === 'when' ? wanted : [{ '!': { arg: clause.body } } as Expr];
  });
  const conditions = parts.map((part) => condition(part, policy, question));
  const telling = policy.effect === 'permit' ? conditions.filter((one) => !one.holds) : conditions;
  const friendly = policy.annotations.friendly;
  const change = changeOf(policy, applies, telling);
  return {
    policy: policy.key,
    effect: policy.effect,
    ...(friendly === undefined ? {} : { friendly }),
    ...(needsOwnerApproval(policy) ? { obligation: 'owner_approval' } : {}),
    applies,
    conditions: telling,
    ...(change === undefined ? {} : { change }),
  };
}

function changeOf(policy: Policy, applies: boolean, telling: readonly ExplainedCondition[]): string | undefined {
  if (policy.effect === 'forbid') {
    if (!applies) return undefined;
    return telling.length === 0
      ? 'it forbids always'
      : `one of these would have to fail: ${telling.map(shown).join('; ')}`;
  }
  if (applies) return needsOwnerApproval(policy) ? 'the operator would have to approve' : undefined;
  return `these would have to hold: ${telling.map(shown).join('; ')}`;
}

function shown(condition: ExplainedCondition): string {
  const facts = Object.entries(condition.facts).map(
    ([name, value]) => `${name} is ${value === undefined ? 'unknown' : JSON.stringify(value)}`,
  );
  return facts.length === 0 ? condition.text : `${condition.text} (${facts.join(', ')})`;
}

/** The parts of an `a && b && c`, where each can be asked alone once those before it hold. */
function conjuncts(expression: Expr): Expr[] {
  const and = (expression as { '&&'?: { left: Expr; right: Expr } })['&&'];
  return and === undefined ? [expression] : [...conjuncts(and.left), ...conjuncts(and.right)];
}

function condition(part: Expr, policy: Policy, question: Question): ExplainedCondition {
  const alone: PolicyJson = {
    effect: 'permit',
    principal: { op: 'All' },
    action: { op: 'All' },
    resource: { op: 'All' },
    conditions: [{ kind: 'when', body: part }],
  };
  const text = policyToText(alone);
  const body = text.type === 'success' ? /when\s*\{(.*)\}\s*;?\s*$/s.exec(text.text)?.[1] : undefined;
  return {
    text: (body ?? policy.key).replace(/\s+/g, ' ').trim(),
    holds: holds(alone, question),
    facts: factsRead(part, question),
  };
}

/** Evaluates one policy; a failing evaluation, as of an unknown fact, does not hold. */
function holds(ast: PolicyJson, question: Question): boolean {
  const answer = isAuthorized({
    principal: question.principal,
    action: question.action,
    resource: question.resource,
    context: question.context,
    entities: question.entities,
    policies: { staticPolicies: { asked: { ...ast, effect: 'permit' } } },
  });
  return answer.type === 'success' && answer.response.decision === 'allow';
}

function factsRead(expression: Expr, question: Question): Record<string, CedarValueJson | undefined> {
  const found: Record<string, CedarValueJson | undefined> = {};
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const path = pathOf(value as Record<string, unknown>);
    if (path !== undefined) {
      const read = valueAt(path, question);
      if (!isRecord(read)) found[path.join('.')] = read;
      return;
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(expression);
  return found;
}

/** `context.claims.kyc` or `resource has x` as a path; undefined for anything else. */
function pathOf(node: Record<string, unknown>): string[] | undefined {
  const access = (node['.'] ?? node.has) as { left: Record<string, unknown>; attr: string | string[] } | undefined;
  if (access === undefined) return undefined;
  const before = typeof access.left.Var === 'string' ? [access.left.Var] : pathOf(access.left);
  return before === undefined ? undefined : [...before, ...([] as string[]).concat(access.attr)];
}

function valueAt([root, ...path]: readonly string[], question: Question): CedarValueJson | undefined {
  const [principal, resource] = question.entities;
  const start = root === 'context' ? question.context : root === 'principal' ? principal?.attrs : resource?.attrs;
  return path.reduce<CedarValueJson | undefined>(
    (value, name) => {
      const own = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
      return own ? (value as Record<string, CedarValueJson>)[name] : undefined;
    },
    start as CedarValueJson | undefined,
  );
}

function isRecord(value: CedarValueJson | FactValue | undefined): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
