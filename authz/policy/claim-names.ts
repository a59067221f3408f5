import type { Expr } from './cedar.js';
import type { Policy } from './policy.js';

/** A set of claim names that together could satisfy a condition. */
export type ClaimSet = ReadonlySet<string>;

/** More ways than this to satisfy one policy are not told apart: all their claims count as needed. */
const MAX_ALTERNATIVES = 32;

/**
 * The claims a policy reads, read off its syntax tree: partial evaluation folds `context.claims has x` to true
 * and would not name x. One set per way through the policy's `||`.
 */
export function claimAlternatives(policy: Policy): readonly ClaimSet[] {
  return policy.ast.conditions.reduce<readonly ClaimSet[]>(
    (sets, clause) => both(sets, waysOf(clause.body)),
    [new Set()],
  );
}

/** Every claim the policy reads anywhere. */
export function claimNames(policy: Policy): ClaimSet {
  return new Set(policy.ast.conditions.flatMap((clause) => [...mentioned(clause.body)]));
}

/** Does it name an issuer and read claims without asking whose word they are? `@issuer` itself is advice to clients. */
export function trustsAnyIssuer(policy: Policy): boolean {
  const names = claimNames(policy);
  return policy.annotations.issuer !== undefined && names.size > 0 && !names.has('iss');
}

/** Does it read anything of the requesting party beside its kind? */
export function readsParty(policy: Policy): boolean {
  return (
    policy.ast.principal.op === '==' ||
    policy.ast.principal.op === 'in' ||
    policy.ast.conditions.some((clause) => mentionsParty(clause.body))
  );
}

function waysOf(expression: Expr): readonly ClaimSet[] {
  const node = expression as Record<string, unknown>;
  const and = node['&&'] as { left: Expr; right: Expr } | undefined;
  if (and !== undefined) return both(waysOf(and.left), waysOf(and.right));
  const or = node['||'] as { left: Expr; right: Expr } | undefined;
  if (or !== undefined) {
    const ways = [...waysOf(or.left), ...waysOf(or.right)];
    return ways.length <= MAX_ALTERNATIVES ? ways : [new Set(ways.flatMap((way) => [...way]))];
  }
  return [mentioned(expression)];
}

function both(left: readonly ClaimSet[], right: readonly ClaimSet[]): readonly ClaimSet[] {
  if (left.length * right.length > MAX_ALTERNATIVES) return [new Set([...left, ...right].flatMap((way) => [...way]))];
  return left.flatMap((one) => right.map((other) => new Set([...one, ...other])));
}

function mentioned(expression: unknown): Set<string> {
  const found = new Set<string>();
  walk(expression, (node) => {
    for (const operation of ['.', 'has'] as const) {
      const access = node[operation] as { left?: unknown; attr?: string | string[] } | undefined;
      const path = access === undefined ? undefined : pathOf(access);
      if (path?.[0] === 'context' && path[1] === 'claims' && path[2] !== undefined) found.add(path[2]);
    }
  });
  return found;
}

function mentionsParty(expression: unknown): boolean {
  let found = false;
  walk(expression, (node) => {
    const access = (node['.'] ?? node.has) as { left?: unknown; attr?: string | string[] } | undefined;
    const path = access === undefined ? undefined : pathOf(access);
    if (path?.[0] === 'principal' && path[1] !== 'kind') found = true;
  });
  return found;
}

/** `context.claims.kyc` as [context, claims, kyc]; undefined for anything that is not a plain path. */
function pathOf(access: { left?: unknown; attr?: string | string[] }): string[] | undefined {
  const left = access.left as Record<string, unknown> | undefined;
  const own = ([] as string[]).concat(access.attr ?? []);
  if (typeof left?.Var === 'string') return [left.Var, ...own];
  const inner = left?.['.'] as { left?: unknown; attr?: string } | undefined;
  const before = inner === undefined ? undefined : pathOf(inner);
  return before === undefined ? undefined : [...before, ...own];
}

function walk(value: unknown, visit: (node: Record<string, unknown>) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) visit(value as Record<string, unknown>);
  for (const inner of Object.values(value)) walk(inner, visit);
}
