import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { compileSchema, problems } from '../../src/validate.js';
import type { Facts } from '../contract.js';
import type { Decider } from './decide.js';
import { type Fault, PolicyFault } from './fault.js';
import type { Assessment, AssessRequest } from './types.js';

/** Who asks, in a test file. */
interface TestParty {
  readonly party: string;
  readonly kind: 'operator' | 'platform' | 'party';
  readonly address?: string;
  readonly attributes?: Facts;
  readonly claims?: Facts;
}

interface TestCase {
  readonly name: string;
  readonly as: string | TestParty;
  readonly scope: string;
  readonly resource: { readonly type: string; readonly key: string; readonly attributes?: Facts };
  readonly attributes?: Facts;
  readonly claims?: Facts;
  readonly context?: Facts;
  readonly client?: string;
  readonly owner?: string;
  readonly at?: string;
  readonly expect: Assessment['outcome'];
  readonly policy?: string;
  readonly requires?: readonly string[];
}

interface TestFile {
  readonly parties?: Readonly<Record<string, TestParty>>;
  readonly tests: readonly TestCase[];
}

const FACTS = { type: 'object' } as const;
const PARTY = {
  type: 'object',
  required: ['party', 'kind'],
  additionalProperties: false,
  properties: {
    party: { type: 'string' },
    kind: { enum: ['operator', 'platform', 'party'] },
    address: { type: 'string', pattern: '^0x[0-9a-f]{40}$' },
    attributes: FACTS,
    claims: FACTS,
  },
} as const;

const isTestFile = compileSchema<TestFile>({
  type: 'object',
  required: ['tests'],
  additionalProperties: false,
  properties: {
    parties: { type: 'object', additionalProperties: PARTY },
    tests: {
      type: 'array',
      maxItems: 10_000,
      items: {
        type: 'object',
        required: ['name', 'as', 'scope', 'resource', 'expect'],
        additionalProperties: false,
        properties: {
          name: { type: 'string' },
          as: { anyOf: [{ type: 'string' }, PARTY] },
          scope: { type: 'string' },
          resource: {
            type: 'object',
            required: ['type', 'key'],
            additionalProperties: false,
            properties: { type: { type: 'string' }, key: { type: 'string' }, attributes: FACTS },
          },
          attributes: FACTS,
          claims: FACTS,
          context: FACTS,
          client: { type: 'string' },
          owner: { type: 'string' },
          at: { type: 'string', format: 'date-time' },
          expect: { enum: ['permit', 'owner_approval', 'deny', 'need_info'] },
          policy: { type: 'string' },
          requires: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
});

/** Known to every test file: someone unproven, and the two accounts with rights of their own. */
const USUAL_PARTIES: Readonly<Record<string, TestParty>> = {
  nobody: { party: 'client:app', kind: 'party' },
  operator: { party: 'client:operator', kind: 'operator' },
  platform: { party: 'platform:platform', kind: 'platform' },
};
const USUAL_TIME = '2026-01-07T12:00:00Z';

export interface PolicyTestResult {
  /** `policies/tests/wallets.yaml:12`. */
  readonly place: string;
  readonly name: string;
  readonly passed: boolean;
  /** What came instead, and why. */
  readonly difference?: string;
}

/** Runs tests/*.yaml beside the policies. Throws `PolicyFault` for test files that are not well formed. */
export async function runPolicyTests(folder: string, decider: Decider): Promise<PolicyTestResult[]> {
  const tests = join(folder, 'tests');
  const names = (await readdir(tests).catch(() => [])).filter((name) => /\.ya?ml$/.test(name)).sort();
  const results: PolicyTestResult[] = [];
  for (const name of names) {
    const shown = `${basename(folder)}/tests/${name}`;
    results.push(...runFile(shown, await readFile(join(tests, name), 'utf8'), decider));
  }
  return results;
}

function runFile(file: string, text: string, decider: Decider): PolicyTestResult[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const lineOf = (index: number) => {
    const node = document.getIn(['tests', index], true) as { readonly range?: readonly number[] } | undefined;
    return lines.linePos(node?.range?.[0] ?? 0).line;
  };
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  if (!isTestFile(value)) throw new PolicyFault(faultsOf(file, document.errors, lines, lineOf));
  const parties = { ...USUAL_PARTIES, ...value.parties };
  return value.tests.map((test, index) => run(test, `${file}:${lineOf(index)}`, parties, decider));
}

function faultsOf(
  file: string,
  errors: readonly { readonly pos: readonly [number, number]; readonly message: string }[],
  lines: LineCounter,
  lineOf: (index: number) => number,
): Fault[] {
  const [broken] = errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    return [{ file, line, column: col, message: broken.message.split('\n')[0] ?? 'not YAML' }];
  }
  return problems(isTestFile.errors, 'document').map((message) => {
    const index = /^tests\.(\d+)/.exec(message)?.[1];
    return { file, line: index === undefined ? 1 : lineOf(Number(index)), column: 1, message };
  });
}

function run(
  test: TestCase,
  place: string,
  parties: Readonly<Record<string, TestParty>>,
  decider: Decider,
): PolicyTestResult {
  const party = typeof test.as === 'string' ? parties[test.as] : test.as;
  if (party === undefined)
    return { place, name: test.name, passed: false, difference: `no party is called ${String(test.as)}` };
  const answer = decider.assess(requestOf(test, party));
  const difference = differenceOf(test, answer);
  return {
    place,
    name: test.name,
    passed: difference === undefined,
    ...(difference === undefined ? {} : { difference }),
  };
}

function requestOf(test: TestCase, party: TestParty): AssessRequest {
  const { address } = party;
  return {
    ...(test.owner === undefined ? {} : { owner: test.owner }),
    principal: {
      party: party.party,
      kind: party.kind,
      ...(address === undefined ? {} : { address }),
      attributes: { ...party.attributes, ...test.attributes },
    },
    clientId: test.client ?? 'app',
    scope: test.scope,
    resource: { attributes: {}, ...test.resource },
    claims: { ...(address === undefined ? {} : { eth_address: address }), ...party.claims, ...test.claims },
    context: test.context ?? {},
    nowSeconds: Math.floor(Date.parse(test.at ?? USUAL_TIME) / 1000),
  };
}

function differenceOf(test: TestCase, answer: Assessment): string | undefined {
  if (answer.outcome !== test.expect) return `expected ${test.expect}, got ${answer.outcome}: ${answer.reason}`;
  if (test.policy !== undefined && !answer.policies.some((policy) => policy.endsWith(` ${test.policy}`))) {
    return `expected policy ${test.policy} to decide, not ${answer.policies.join(', ') || 'none'}`;
  }
  const required = (answer.requiredClaims ?? []).map((claim) => claim.name).sort();
  if (test.requires !== undefined && required.join() !== [...test.requires].sort().join()) {
    return `expected the claims ${test.requires.join(', ')}, not ${required.join(', ') || 'none'}`;
  }
  return undefined;
}
