import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Decider } from '../../../authz/policy/decide.js';
import { readPolicyFiles } from '../../../authz/policy/files.js';
import { loadPolicySet } from '../../../authz/policy/load.js';
import { runPolicyTests } from '../../../authz/policy/policy-tests.js';
import { reasonOf } from '../../../src/errors.js';
import { ROOT } from '../../../src/paths.js';
import { ask, WALLET, wallet } from './support/ask.js';
import { policyFolder } from './support/folder.js';

const POLICIES = join(ROOT, 'policies');

describe('the operator’s folder', () => {
  it('its tests hold', async () => {
    const results = await runPolicyTests(POLICIES, new Decider(loadPolicySet(await readPolicyFiles(POLICIES))));
    expect(results.length).to.be.greaterThan(20);
    expect(results.filter((result) => !result.passed)).to.deep.equal([]);
  });

  it('a test that does not hold says where it stands and what came instead', async () => {
    const folder = policyFolder({
      'x.cedar': '@id("open") permit (principal, action, resource);',
      'tests/t.yaml': `tests:\n  - { name: a, as: nobody, scope: read, resource: { type: plan, key: p }, expect: permit, policy: open }\n  - { name: b, as: nobody, scope: read, resource: { type: plan, key: p }, expect: deny }\n`,
    });
    const results = await runPolicyTests(folder.path, new Decider(loadPolicySet(await readPolicyFiles(folder.path))));
    expect(results.map((result) => result.passed)).to.deep.equal([true, false]);
    expect(results[1]).to.include({ place: 'policies/tests/t.yaml:3', name: 'b' });
    expect(results[1]?.difference).to.match(/expected deny, got permit: policies\/x\.cedar:1 open/);
    folder.remove();
  });

  it('a test file that is not well formed is refused with its line', async () => {
    const folder = policyFolder({
      'x.cedar': '',
      'tests/t.yaml':
        'tests:\n  - { name: a, as: nobody, scpe: read, resource: { type: p, key: p }, expect: permit }\n',
    });
    const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
    expect(await runPolicyTests(folder.path, decider).then(() => '', reasonOf)).to.match(
      /^policies\/tests\/t\.yaml:2:1: .*scope/,
    );
    folder.remove();
  });

  it('every example of the guide is good Cedar and fits the schema', async () => {
    const guide = readFileSync(join(POLICIES, 'README.md'), 'utf8');
    const examples = [...guide.matchAll(/```cedar\n(.*?)```/gs)].map((match) => match[1] ?? '');
    expect(examples.length).to.be.greaterThan(10);
    const folder = policyFolder({ 'guide.cedar': examples.join('\n') });
    const set = loadPolicySet(await readPolicyFiles(folder.path));
    expect(set.policies.length).to.equal(examples.length - 1);
    const decider = new Decider(set);
    const plan = { type: 'plan', key: 'validator-teku/besu', attributes: { share_ppm: 700_000 } };
    const answer = decider.assess(ask(wallet(WALLET), 'instance:create', plan));
    expect(answer.outcome).to.equal('deny');
    expect(answer.reason).to.include('never-two-thirds');
    folder.remove();
  });
});
