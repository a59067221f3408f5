import {
  checkParseSchema,
  type PolicyJson,
  policyToJson,
  schemaToJsonWithResolvedTypes,
  templateToJson,
  validate,
} from './cedar.js';
import { type Fault, faultOf, PolicyFault } from './fault.js';
import { type PolicyFile, type PolicyFiles, SCHEMA_FILE } from './files.js';
import type { Policy } from './policy.js';
import { positionAtByte } from './position.js';
import { type PolicySchema, policySchema } from './schema.js';
import { linkShares } from './shares.js';
import { type Statement, statementsOf } from './statements.js';
import type { Template } from './template.js';

/** A policy set that parsed and fits its schema. */
export interface PolicySet {
  /** SHA-256 (hex) over the files. */
  readonly hash: string;
  /** In the order of files and lines. */
  readonly policies: readonly Policy[];
  readonly schema: PolicySchema;
}

/** A policy with the place it stands at. */
export interface Parsed {
  readonly policy: Policy;
  readonly template: boolean;
  readonly file: PolicyFile;
  readonly statement: Statement;
}

/**
 * Parses the files and checks every policy against the schema. Throws `PolicyFault` with all faults at once.
 * About half a second for a thousand policies: off the request path.
 */
export function loadPolicySet(files: PolicyFiles): PolicySet {
  const set = parsePolicySet(files);
  const faults = schemaFaults(set.parsed, set.schema);
  if (faults.length > 0) throw new PolicyFault(faults);
  return set;
}

/** Parses without the check against the schema: for files that `loadPolicySet` has accepted in another thread. */
export function parsePolicySet(files: PolicyFiles): PolicySet & { readonly parsed: readonly Parsed[] } {
  const schema = parseSchema(files);
  const { parsed, faults } = parsePolicies(files.cedar, schema);
  const templates = parsed
    .filter((one) => one.template)
    .map((one): Template => ({ id: one.policy.id, policy: one.policy }));
  const shares = linkShares(files.shares, templates);
  const all = [...faults, ...shares.faults];
  if (all.length > 0) throw new PolicyFault(all);
  const policies = [...parsed.filter((one) => !one.template).map((one) => one.policy), ...shares.policies];
  return { hash: files.hash, policies, schema, parsed };
}

/** What can be said of policies without the schema's types: each parses, has an id of its own and known annotations. */
export function parsePolicies(
  cedar: readonly PolicyFile[],
  schema: PolicySchema,
): { readonly parsed: readonly Parsed[]; readonly faults: readonly Fault[] } {
  const parsed: Parsed[] = [];
  const faults: Fault[] = [];
  for (const file of cedar) {
    for (const statement of statementsOf(file.text)) {
      const result = parseStatement(file, statement, schema);
      if ('policy' in result) parsed.push(result);
      else faults.push(...result.faults);
    }
  }
  return { parsed, faults: [...faults, ...repeatedIds(parsed), ...unknownAnnotations(parsed)] };
}

/** @throws PolicyFault when it is absent or is no schema. */
export function parseSchema({ folder, schema: file }: Pick<PolicyFiles, 'folder' | 'schema'>): PolicySchema {
  if (file === undefined) {
    const name = `${folder}/${SCHEMA_FILE}`;
    throw new PolicyFault([
      { file: name, line: 1, column: 1, message: 'is missing', fix: 'restore it; policies are checked against it' },
    ]);
  }
  const check = checkParseSchema(file.text);
  const answer = check.type === 'failure' ? check : schemaToJsonWithResolvedTypes(file.text);
  if (answer.type === 'failure') throw new PolicyFault(answer.errors.map((error) => faultOf(error, file, 0, [])));
  return policySchema(file.text, (answer as Extract<typeof answer, { json: unknown }>).json);
}

function parseStatement(
  file: PolicyFile,
  statement: Statement,
  schema: PolicySchema,
): Parsed | { readonly faults: readonly Fault[] } {
  const asPolicy = policyToJson(statement.text);
  const asTemplate = asPolicy.type === 'failure' ? templateToJson(statement.text) : asPolicy;
  const answer = asTemplate.type === 'success' ? asTemplate : asPolicy;
  if (answer.type === 'failure') {
    return { faults: answer.errors.map((error) => faultOf(error, file, statement.byteOffset, schema.names)) };
  }
  const keyword = /\b(permit|forbid)\s*\(/.exec(statement.text)?.index ?? 0;
  const { line } = positionAtByte(
    file.text,
    statement.byteOffset + Buffer.byteLength(statement.text.slice(0, keyword)),
  );
  return { policy: policyOf(file, line, answer.json), template: asPolicy.type === 'failure', file, statement };
}

function policyOf(file: PolicyFile, line: number, ast: PolicyJson): Policy {
  const annotations = ast.annotations ?? {};
  const id = annotations.id ?? `policy${line}`;
  return {
    key: `${file.name}:${line} ${id}`,
    id,
    file: file.name,
    line,
    effect: ast.effect,
    annotations,
    ast,
    ...(file.owner === undefined ? {} : { owner: file.owner }),
  };
}

/** What does not fit the schema. All policies in one call: the schema is parsed once. */
export function schemaFaults(parsed: readonly Parsed[], schema: PolicySchema): Fault[] {
  const byKey = new Map(parsed.map((one) => [one.policy.key, one]));
  const texts = (template: boolean) =>
    Object.fromEntries(
      parsed.filter((one) => one.template === template).map((one) => [one.policy.key, one.statement.text]),
    );
  const policies = { staticPolicies: texts(false), templates: texts(true) };
  const answer = validate({ schema: schema.text, policies });
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
  // One mistake is reported once for every action the policy may apply to.
  const byPlace = new Map<string, Fault>();
  for (const { policyId, error } of answer.validationErrors) {
    const { file, statement } = byKey.get(policyId) ?? {};
    if (file === undefined || statement === undefined) throw new Error(`${policyId}: ${error.message}`);
    const fault = faultOf(error, file, statement.byteOffset, schema.names);
    const place = `${fault.file}:${fault.line}:${fault.column}`;
    if (!byPlace.has(place)) byPlace.set(place, fault);
  }
  const inOrder = (one: Fault, other: Fault) =>
    one.file.localeCompare(other.file) || one.line - other.line || one.column - other.column;
  return [...byPlace.values()].sort(inOrder);
}

function repeatedIds(parsed: readonly Parsed[]): Fault[] {
  const first = new Map<string, Policy>();
  return parsed.flatMap(({ policy, file, statement }) => {
    const id = `${policy.owner ?? ''}/${policy.id}`;
    const earlier = first.get(id);
    if (earlier === undefined) first.set(id, policy);
    if (earlier === undefined) return [];
    const message = `@id("${policy.id}") is already used at ${earlier.file}:${earlier.line}`;
    const place = positionAtByte(file.text, statement.byteOffset);
    return [{ file: file.name, ...place, message, fix: 'give this policy an id of its own' }];
  });
}

/** An obligation nobody fulfils would make an approval silently optional. */
function unknownAnnotations(parsed: readonly Parsed[]): Fault[] {
  return parsed.flatMap(({ policy, file, statement }) => {
    const obligation = policy.annotations.obligation;
    if (obligation === undefined) return [];
    const place = { file: file.name, ...positionAtByte(file.text, statement.byteOffset) };
    if (obligation !== 'owner_approval') {
      return [
        { ...place, message: `unknown obligation "${obligation}"`, fix: 'the one obligation is "owner_approval"' },
      ];
    }
    if (policy.effect === 'permit') return [];
    return [{ ...place, message: 'a forbid cannot carry an obligation', fix: 'put @obligation on a permit' }];
  });
}
