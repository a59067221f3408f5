import { expect } from 'chai';
import { Decider } from '../../../authz/policy/decide.js';
import { explain } from '../../../authz/policy/explain.js';
import { readPolicyFiles } from '../../../authz/policy/files.js';
import { loadPolicySet } from '../../../authz/policy/load.js';
import { type RecordedDecision, replay } from '../../../authz/policy/replay.js';
import type { AssessRequest } from '../../../authz/policy/types.js';
import { ask, WALLET, wallet } from './support/ask.js';
import { policyFolder } from './support/folder.js';

async function deciderOf(text: string): Promise<Decider> {
  const folder = policyFolder({ 'x.cedar': text });
  const decider = new Decider(loadPolicySet(await readPolicyFiles(folder.path)));
  folder.remove();
  return decider;
}

const SMALL = `@id("small")\npermit (principal, action == OVSB::Action::"read", resource is OVSB::Plan)\nwhen { resource has share_ppm && resource.share_ppm < 10 };\n`;
const asked = (share_ppm?: number, claims: AssessRequest['claims'] = { eth_address: WALLET }) =>
  ask({ ...wallet(WALLET), claims }, 'read', {
    type: 'plan',
    key: 'p',
    attributes: share_ppm === undefined ? {} : { share_ppm },
  });

describe('policy explain', () => {
  it('names the policy with file:line, what failed, and the value it found', async () => {
    const { assessment, policies } = explain(await deciderOf(SMALL), asked(12));
    expect(assessment.outcome).to.equal('deny');
    expect(policies).to.have.length(1);
    expect(policies[0]).to.deep.include({ policy: 'policies/x.cedar:2 small', effect: 'permit', applies: false });
    expect(policies[0]?.change).to.equal(
      'these would have to hold: resource.share_ppm < 10 (resource.share_ppm is 12)',
    );
    expect(explain(await deciderOf(SMALL), asked()).policies[0]?.change).to.include('resource.share_ppm is unknown');
  });

  it('a forbid that applies comes first and says what would have to fail', async () => {
    const text = `${SMALL}@id("night") forbid (principal, action, resource) when { context.hour < 24 } unless { context.claims has email };`;
    const { assessment, policies } = explain(await deciderOf(text), asked(5));
    expect(assessment.outcome).to.equal('need_info');
    expect(policies[0]).to.include({ effect: 'forbid', applies: true });
    expect(policies[0]?.change).to.match(
      /^one of these would have to fail: context\.hour < 24 .*context\.claims\.email is unknown/,
    );
    expect(policies[1]).to.include({ applies: true });
  });

  it('of what does not apply the nearest permit comes first, idle forbids last', async () => {
    const text = `
      @id("idle") forbid (principal, action, resource is OVSB::Plan) when { resource has share_ppm && resource.share_ppm > 99 };
      @id("far") permit (principal, action, resource is OVSB::Plan) when { resource has share_ppm && resource.share_ppm < 1 && principal.kind == "operator" };
      @id("fixed") permit (principal, action, resource) when { principal.kind == "operator" };
      @id("near") permit (principal, action, resource) when { context.claims has email };`;
    const { policies } = explain(await deciderOf(text), asked(50));
    expect(policies.map(({ policy }) => policy.split(' ')[1])).to.deep.equal(['near', 'fixed', 'far', 'idle']);
  });
});

describe('policy replay', () => {
  const decision = (
    outcome: RecordedDecision['outcome'],
    question: AssessRequest | null,
    claim_names: string[] = ['eth_address'],
  ): RecordedDecision => ({
    id: '1',
    at: '2026-01-01T00:00:00.000Z',
    party: 'p',
    resource: { type: 'plan', key: 'p' },
    scopes: ['read'],
    outcome,
    reason: '',
    policies: [],
    claim_names,
    policy_set: '',
    question,
  });

  it('says who gains, who loses, and where it cannot tell', async () => {
    const decider = await deciderOf(SMALL);
    const results = replay(decider, [
      decision('deny', asked(5)),
      decision('permit', asked(50)),
      decision('permit', asked(5)),
      decision('need_info', asked(50)),
      decision('permit', null),
    ]);
    expect(results.map((result) => result.change)).to.deep.equal(['gains', 'loses', 'same', 'other', 'undecidable']);
  });

  it('an answer that hangs on a claim whose value the log does not keep is undecidable', async () => {
    const decider = await deciderOf(
      'permit (principal, action, resource) when { context.claims has kyc_level && context.claims.kyc_level > 1 };',
    );
    const results = replay(decider, [
      decision('permit', asked(5), ['eth_address', 'kyc_level']),
      decision('need_info', asked(5)),
    ]);
    expect(results.map((result) => result.change)).to.deep.equal(['undecidable', 'same']);
  });
});
