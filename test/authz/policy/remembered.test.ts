import { expect } from 'chai';
import fc from 'fast-check';
import { Decider } from '../../../authz/policy/decide.js';
import { readPolicyFiles } from '../../../authz/policy/files.js';
import { loadPolicySet, type PolicySet } from '../../../authz/policy/load.js';
import { momentsRead } from '../../../authz/policy/moments.js';
import { ask, OTHER_WALLET, WALLET, wallet } from './support/ask.js';
import { policyFolder } from './support/folder.js';

async function setOf(text: string): Promise<PolicySet> {
  const folder = policyFolder({ 'x.cedar': text });
  const set = loadPolicySet(await readPolicyFiles(folder.path));
  folder.remove();
  return set;
}

const conditions = [
  '',
  'when { context.hour >= 8 && context.hour < 18 }',
  'when { context.weekday <= 5 }',
  'when { context.now < 1763750000 }',
  'when { (if principal.kind == "party" then context else context).now > 1763720000 }',
  'when { context.claims has eth_address }',
  'unless { context has keys && context.keys > 2 }',
];
const policy = fc
  .tuple(
    fc.constantFrom('permit', 'permit', 'forbid'),
    fc.constantFrom('action', 'action == OVSB::Action::"read"'),
    fc.constantFrom(...conditions),
  )
  .map(([effect, action, condition]) => `${effect} (principal, ${action}, resource is OVSB::Plan) ${condition};`);
const question = fc
  .tuple(
    fc.constantFrom(WALLET, OTHER_WALLET, undefined),
    fc.constantFrom('read', 'instance:create'),
    fc.constantFrom({}, { keys: 1 }, { keys: 3 }),
    fc.integer({ min: 1_763_700_000, max: 1_764_300_000 }),
  )
  .map(([who, scope, context, nowSeconds]) =>
    ask(wallet(who), scope, { type: 'plan', key: 'p' }, { context, nowSeconds }),
  );

describe('what a decider remembers', () => {
  it('is what it would decide anew, whatever was asked before and whenever (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(policy, { minLength: 1, maxLength: 4 }),
        fc.array(question, { minLength: 2, maxLength: 12 }),
        async (policies, questions) => {
          const set = await setOf(policies.join('\n'));
          const decider = new Decider(set);
          for (const one of [...questions, ...questions])
            expect(decider.assess(one)).to.deep.equal(new Decider(set).assess(one));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('outlives the moment only where no policy reads it', async () => {
    const decider = new Decider(await setOf('permit (principal, action, resource is OVSB::Plan);'));
    const at = (nowSeconds: number) =>
      decider.assess(ask(wallet(WALLET), 'read', { type: 'plan', key: 'p' }, { nowSeconds }));
    expect(at(1_763_700_000)).to.equal(at(1_763_799_999));
  });

  it('knows what of the moment a policy reads', async () => {
    const { policies } = await setOf(
      conditions.map((condition) => `permit (principal, action, resource is OVSB::Plan) ${condition};`).join('\n'),
    );
    expect(policies.map(({ ast }) => [...momentsRead(ast)].sort())).to.deep.equal([
      [],
      ['hour'],
      ['weekday'],
      ['now'],
      ['hour', 'now', 'weekday'],
      [],
      [],
    ]);
  });
});
