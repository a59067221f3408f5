/**
 * CPU per policy decision at 10, 100 and 1,000 policies: sliced (the product), all preparsed in one set, and parsed each time
 * (the baseline: Cedar as its documentation shows it). Run: node scripts/build.mjs && node dist/bench/policy-decision.js
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAuthorized, preparsePolicySet, preparseSchema, statefulIsAuthorized } from '../authz/policy/cedar.js';
import { Decider } from '../authz/policy/decide.js';
import { readPolicyFiles } from '../authz/policy/files.js';
import { loadPolicySet } from '../authz/policy/load.js';
import { questionOf } from '../authz/policy/question.js';
import type { AssessRequest } from '../authz/policy/types.js';
import { ROOT } from '../src/paths.js';
import { policiesOf } from './policies.js';

const request: AssessRequest = {
  principal: { party: 'eip155:1:0xabc', kind: 'party', address: '0xabc', attributes: { stake_keys: 2 } },
  clientId: 'app',
  scope: 'instance:create',
  resource: { type: 'plan', key: 'validator-nimbus/geth', attributes: { share_ppm: 50_000 } },
  claims: { eth_address: '0xabc' },
  context: { keys: 1 },
  nowSeconds: 1_763_700_000,
};

/** A question nobody has asked before, each time. */
let asked = 0;

/** Milliseconds of CPU a call, over about half a second. */
function cpuMs(call: () => void): number {
  for (let warm = 0; warm < 5; warm++) call();
  let calls = 0;
  const start = process.cpuUsage();
  const end = performance.now() + 500;
  while (performance.now() < end) {
    call();
    calls++;
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / calls;
}

async function measured(count: number): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'ovsb-bench-'));
  writeFileSync(join(folder, 'schema.cedarschema'), readFileSync(join(ROOT, 'policies/schema.cedarschema')));
  writeFileSync(join(folder, 'bench.cedar'), policiesOf(count));
  const started = performance.now();
  const set = loadPolicySet(await readPolicyFiles(folder));
  const loadMs = performance.now() - started;
  rmSync(folder, { recursive: true });
  const decider = new Decider(set);
  if (decider.assess(request).outcome !== 'permit') throw new Error('the benched request must be permitted');
  const { principal, action, resource, context, entities } = questionOf(request, set.schema);
  const policies = { staticPolicies: Object.fromEntries(set.policies.map((policy) => [policy.key, policy.ast])) };
  const whole = { principal, action, resource, context, entities };
  preparseSchema('bench', set.schema.text);
  preparsePolicySet('bench', policies);
  return {
    policies: count,
    'load and validate ms': loadMs,
    'sliced ms': cpuMs(() => decider.assess({ ...request, clientId: `app-${asked++}` })),
    'sliced, asked before ms': cpuMs(() => decider.assess(request)),
    'one preparsed set ms': cpuMs(() => {
      statefulIsAuthorized({
        ...whole,
        preparsedPolicySetId: 'bench',
        preparsedSchemaName: 'bench',
        validateRequest: true,
      });
    }),
    'parsed each time ms': cpuMs(() => {
      isAuthorized({ ...whole, policies, schema: set.schema.text, validateRequest: true });
    }),
  };
}

// WebAssembly is compiled anew while it runs warm; that CPU is nobody's decision.
await measured(10);
const rows: Record<string, number>[] = [];
for (const count of [10, 100, 1_000]) rows.push(await measured(count));
console.table(
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value.toFixed(3))]))),
);
