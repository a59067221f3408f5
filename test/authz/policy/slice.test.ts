import { expect } from 'chai';
import fc from 'fast-check';
import { isAuthorized } from '../../../authz/policy/cedar.js';
import { Decider } from '../../../authz/policy/decide.js';
import { readPolicyFiles } from '../../../authz/policy/files.js';
import { loadPolicySet } from '../../../authz/policy/load.js';
import { questionOf } from '../../../authz/policy/question.js';
import { ask, wallet } from './support/ask.js';
import { policyFolder } from './support/folder.js';

async function deciderOf(text: string): Promise<Decider> {
  const folder = policyFolder({ 'x.cedar': text });
  const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
  folder.remove();
  return decider;
}

const principals = ['principal', 'principal == OVSB::Party::"eip155:31337:a"', 'principal is OVSB::Party'];
const actions = [
  'action',
  'action == OVSB::Action::"read"',
  'action in [OVSB::Action::"read", OVSB::Action::"delete"]',
  'action == OVSB::Action::"use"',
];
const resources = [
  'resource',
  'resource is OVSB::Instance',
  'resource == OVSB::Instance::"i"',
  'resource == OVSB::Plan::"i"',
  'resource in OVSB::Instance::"i"',
];
const policy = fc
  .tuple(
    fc.constantFrom('permit', 'permit', 'forbid'),
    fc.constantFrom(...principals),
    fc.constantFrom(...actions),
    fc.constantFrom(...resources),
  )
  .filter(([, , action, resource]) => !(resource.includes('Plan') && action.includes('in [')))
  .map(([effect, ...scope]) => `${effect} (${scope.join(', ')});`);

describe('slicing', () => {
  it('decides as the whole set would (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(policy, { minLength: 1, maxLength: 8 }), async (policies) => {
        const decider = await deciderOf(policies.join('\n'));
        const whole = Object.fromEntries(decider.set.policies.map((one) => [one.key, one.ast]));
        for (const who of ['a', 'b']) {
          for (const scope of ['read', 'delete', 'else']) {
            for (const [type, key] of [
              ['instance', 'i'],
              ['instance', 'j'],
              ['plan', 'i'],
            ] as const) {
              const request = ask(wallet(who), scope, { type, key });
              const { principal, action, resource, context, entities } = questionOf(request, decider.set.schema);
              const answer = isAuthorized({
                principal,
                action,
                resource,
                context,
                entities,
                policies: { staticPolicies: whole },
              });
              const expected = answer.type === 'success' && answer.response.decision === 'allow' ? 'permit' : 'deny';
              expect(decider.assess(request).outcome).to.equal(expected);
            }
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('an action group reaches its members', async () => {
    const schema = `namespace OVSB {
      entity Party = { id: String, kind: String };
      entity Plan = { key: String };
      action reading;
      action "read" in [reading] appliesTo { principal: Party, resource: Plan, context: { now: Long } };
    }`;
    const folder = policyFolder({
      'schema.cedarschema': schema,
      'x.cedar': 'permit (principal, action in OVSB::Action::"reading", resource);',
    });
    const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
    expect(decider.assess(ask(wallet('a'), 'read', { type: 'plan', key: 'p' })).outcome).to.equal('permit');
    folder.remove();
  });

  it('more distinct slices than Cedar keeps preparsed are decided right, again and again', async () => {
    const count = 2_100;
    const text = Array.from(
      { length: count },
      (_, index) =>
        `permit (principal == OVSB::Party::"eip155:31337:${index}", action == OVSB::Action::"read", resource == OVSB::Plan::"${index}");`,
    );
    const decider = await deciderOf(text.join('\n'));
    const outcome = (who: number, what: number) =>
      decider.assess(ask(wallet(String(who)), 'read', { type: 'plan', key: String(what) })).outcome;
    for (const index of [...Array(count).keys(), 0, 1, count - 1]) expect(outcome(index, index)).to.equal('permit');
    expect(outcome(1, 2)).to.equal('deny');
  });
});
