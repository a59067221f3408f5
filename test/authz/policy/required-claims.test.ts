import { expect } from 'chai';
import { createPolicyEngine } from '../../../authz/policy/engine.js';
import type { AssessRequest } from '../../../authz/policy/types.js';
import { ask, partyOf, silent, WALLET, wallet } from './support/ask.js';
import { policyFolder } from './support/folder.js';

const PLAN = { type: 'plan', key: 'p' };

/** The assessment under these policies; closes what it opened. */
async function assess(policies: string, request: AssessRequest, more: Readonly<Record<string, string>> = {}) {
  const folder = policyFolder({ 'x.cedar': policies, ...more });
  const engine = await createPolicyEngine({ folder: folder.path, writableFiles: 'refuse', logger: silent });
  const answer = engine.assess(request);
  engine.stop();
  folder.remove();
  return {
    ...answer,
    needs: answer.requiredClaims?.map((claim) => claim.name),
    ways: answer.alternatives?.map((way) => way.map((claim) => claim.name)),
  };
}

const nobody = ask(wallet(undefined), 'read', PLAN);
const claiming = (claims: AssessRequest['claims']) => ({ ...nobody, claims });

describe('required claims are derived from the policies', () => {
  const two = `
    permit (principal, action, resource) when { context.claims has country && context.claims has kyc_level && context.claims.kyc_level >= 2 };
    permit (principal, action, resource) when { context.claims has email_verified && context.claims.email_verified };`;

  it('the smallest alternative is required, all are told', async () => {
    const answer = await assess(two, nobody);
    expect(answer.outcome).to.equal('need_info');
    expect(answer.needs).to.deep.equal(['email_verified']);
    expect(answer.ways).to.deep.equal([['country', 'kyc_level'], ['email_verified']]);
  });

  it('what was supplied is subtracted; a way that can no longer succeed is gone', async () => {
    expect((await assess(two, claiming({ kyc_level: 2, email_verified: false }))).ways).to.deep.equal([['country']]);
    expect((await assess(two, claiming({ kyc_level: 1, email_verified: false }))).outcome).to.equal('deny');
    expect((await assess(two, claiming({ kyc_level: 2, country: 'CH' }))).outcome).to.equal('permit');
  });

  it('a claim that a forbid wants is always needed', async () => {
    const sanctioned = `${two}\nforbid (principal, action, resource) unless { context.claims has eth_address && !(["0xbad"].contains(context.claims.eth_address)) };`;
    const answer = await assess(sanctioned, nobody);
    expect(answer.needs).to.have.members(['eth_address', 'email_verified']);
    expect((await assess(sanctioned, claiming({ email_verified: true }))).needs).to.deep.equal(['eth_address']);
    expect((await assess(sanctioned, claiming({ email_verified: true, eth_address: '0xbad' }))).outcome).to.equal(
      'deny',
    );
    expect((await assess(sanctioned, claiming({ email_verified: true, eth_address: '0xok' }))).outcome).to.equal(
      'permit',
    );
  });

  it('each side of an || is a way of its own', async () => {
    const either =
      'permit (principal, action, resource) when { context.claims has country || (context.claims has email && context.claims has sub) };';
    expect((await assess(either, nobody)).ways).to.deep.equal([['country'], ['email', 'sub']]);
  });

  it('a forbid that holds whatever is claimed is a denial, with its name', async () => {
    const closed = `${two}\n@id("closed") forbid (principal, action, resource) when { context.now > 0 };`;
    const answer = await assess(closed, nobody);
    expect(answer.outcome).to.equal('deny');
    expect(answer.policies[0]).to.match(/^policies\/x\.cedar:\d+ closed$/);
  });

  it('K7: no policy, and policies of other actions, never permit and ask for nothing', async () => {
    expect((await assess('', nobody)).outcome).to.equal('deny');
    expect(
      (
        await assess(
          'permit (principal, action == OVSB::Action::"bind", resource) when { context.claims has email };',
          nobody,
        )
      ).outcome,
    ).to.equal('deny');
  });

  it('E.6: annotations of the policy say which format and whose', async () => {
    const answer = await assess(
      '@claim_format("urn:f1 urn:f2") @issuer("https://id.example") permit (principal, action, resource) when { context.claims has country };',
      nobody,
    );
    expect(answer.requiredClaims).to.deep.equal([
      {
        name: 'country',
        friendly_name: 'Country of residence',
        claim_token_format: ['urn:f1', 'urn:f2'],
        issuer: ['https://id.example'],
      },
    ]);
  });

  it('an approval obligation holds only while no plain permit applies', async () => {
    const both = `@obligation("owner_approval") permit (principal, action, resource);
      permit (principal, action, resource) when { context.claims has email };`;
    expect((await assess(both, nobody)).outcome).to.equal('owner_approval');
    expect((await assess(both, claiming({ email: 'a@b' }))).outcome).to.equal('permit');
  });

  it('a share links a template to one party and one resource, and asks an unknown party who it is', async () => {
    const template =
      '@id("share") permit (principal == ?principal, action == OVSB::Action::"read", resource == ?resource);';
    const shares = `shares:\n  - { template: share, principal: "${partyOf(WALLET)}", resource: { type: plan, key: p } }\n`;
    const more = { 'shares.yaml': shares };
    const answer = await assess(template, ask(wallet(WALLET), 'read', PLAN), more);
    expect(answer.outcome).to.equal('permit');
    expect(answer.policies).to.deep.equal(['policies/shares.yaml:2 share#1']);
    expect((await assess(template, ask(wallet(WALLET), 'read', { type: 'plan', key: 'q' }), more)).outcome).to.equal(
      'deny',
    );
    expect((await assess(template, ask(wallet('0x22'), 'read', PLAN), more)).outcome).to.equal('deny');
    expect((await assess(template, nobody, more)).needs).to.deep.equal(['eth_address']);
  });

  it('B3: a second owner’s policies rule its resources only; the operator’s forbids rule everybody’s', async () => {
    const more = {
      'owners/photos/p.cedar': '@id("album") permit (principal, action, resource) when { context.scope == "view" };',
      'forbid.cedar': '@id("night") forbid (principal, action, resource) when { context.hour < 6 };',
    };
    const photo = (owner: string | undefined, scope = 'view', nowSeconds = 12 * 3600) =>
      ask(
        wallet(WALLET),
        scope,
        { type: 'photo', key: 'p' },
        { nowSeconds, ...(owner === undefined ? {} : { owner }) },
      );
    const operatorPermits = 'permit (principal, action, resource) when { context.scope == "print" };';
    expect((await assess(operatorPermits, photo('photos'), more)).policies).to.deep.equal([
      'policies/owners/photos/p.cedar:1 album',
    ]);
    expect((await assess(operatorPermits, photo('photos', 'print'), more)).outcome).to.equal('deny');
    expect((await assess(operatorPermits, photo('others'), more)).outcome).to.equal('deny');
    expect((await assess(operatorPermits, photo(undefined), more)).outcome).to.equal('deny');
    expect((await assess(operatorPermits, photo(undefined, 'print'), more)).outcome).to.equal('permit');
    expect((await assess(operatorPermits, photo('photos', 'view', 3600), more)).policies).to.deep.equal([
      'policies/forbid.cedar:1 night',
    ]);
  });
});
