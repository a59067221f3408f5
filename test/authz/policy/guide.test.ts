import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
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
});

describe('the guide (policies/README.md)', () => {
  const guide = readFileSync(join(POLICIES, 'README.md'), 'utf8');
  const section = (title: string) => guide.split(/^## /m).find((text) => text.startsWith(title)) ?? '';
  const blocks = (text: string, language: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1] ?? '');
  const ours = readdirSync(POLICIES).filter((name) => name.endsWith('.cedar'));
  const parties = parse(readFileSync(join(POLICIES, 'tests/wallets.yaml'), 'utf8')) as { parties: object };

  /** The operator's folder with one example in it, and its tests alone. */
  const withExample = (files: Readonly<Record<string, string>>) =>
    policyFolder({
      ...Object.fromEntries(ours.map((name) => [name, readFileSync(join(POLICIES, name), 'utf8')])),
      ...files,
    });

  const examples = section('Ten examples').split(/^### /m).slice(1);

  it('has ten examples', () => expect(examples).to.have.length(10));

  for (const example of examples) {
    const [title = ''] = example.split('\n');
    it(`decides as its tests say: ${title}`, async () => {
      const tests = parse(blocks(example, 'yaml').join('')) as { tests: object[] };
      const folder = withExample({
        'example.cedar': blocks(example, 'cedar').join('\n'),
        'tests/example.yaml': stringify({ ...tests, parties: parties.parties }),
      });
      const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
      const results = await runPolicyTests(folder.path, decider);
      expect(results.length).to.be.greaterThan(1);
      expect(results.filter((result) => !result.passed)).to.deep.equal([]);
      folder.remove();
    });
  }

  it('shares one resource with one party', async () => {
    const text = section('Sharing one resource');
    const folder = withExample({
      'example.cedar': blocks(text, 'cedar').join(''),
      'shares.yaml': blocks(text, 'yaml').join(''),
    });
    const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
    const [share] = (parse(blocks(text, 'yaml').join('')) as { shares: { resource: { type: string; key: string } }[] })
      .shares;
    const reads = (address: string) =>
      decider.assess(ask(wallet(address), 'read', share?.resource ?? { type: '', key: '' })).outcome;
    expect(reads('0xb0b0000000000000000000000000000000000000')).to.equal('permit');
    expect(reads(WALLET)).to.equal('deny');
    folder.remove();
  });
});
