import { join } from 'node:path';
import { expect } from 'chai';
import type { Facts } from '../../../authz/index.js';
import { createPolicyEngine } from '../../../authz/policy/engine.js';
import type { PolicyEngine } from '../../../authz/policy/types.js';
import { ROOT } from '../../../src/paths.js';
import { ask, OTHER_WALLET, operator, partyOf, platform, silent, WALLET, wallet } from './support/ask.js';

const plan = (key: string, attributes = {}) => ({ type: 'plan', key, attributes });
const minority = plan('validator-nimbus/geth', { share_ppm: 50_000 });
const majority = plan('validator-lighthouse/geth', { share_ppm: 700_000 });
const instanceOf = (owner: string) => ({ type: 'instance', key: 'i-1', attributes: { owner } });
const bindingOf = (owner: string) => ({ type: 'binding', key: 'b-1', attributes: { owner, groups: ['read', 'logs'] } });

describe('default policies (product.md)', () => {
  let engine: PolicyEngine;
  before(async () => {
    engine = await createPolicyEngine({ folder: join(ROOT, 'policies'), writableFiles: 'warn', logger: silent });
  });
  after(() => engine.stop());

  const outcome = (...question: Parameters<typeof ask>) => engine.assess(ask(...question)).outcome;

  it('lets anyone read the catalog without a claim', () => {
    expect(outcome(wallet(undefined), 'read', { type: 'catalog', key: 'catalog' })).to.equal('permit');
  });

  it('K7: asks for a wallet where no claim was shown, and names its format', () => {
    const answer = engine.assess(ask(wallet(undefined), 'instance:create', minority));
    expect(answer.outcome).to.equal('need_info');
    expect(answer.requiredClaims).to.deep.equal([
      {
        name: 'eth_address',
        friendly_name: 'Ethereum account (Sign-In with Ethereum)',
        claim_token_format: ['urn:ovsb:claim-token:eip4361'],
        claim_type: 'urn:ovsb:claim:eth-address',
      },
    ]);
    expect(answer.alternatives).to.have.length(1);
  });

  it('lets a wallet ask for a validator plan below a third of the stake, and names the policy with file and line', () => {
    const answer = engine.assess(ask(wallet(WALLET), 'instance:create', minority));
    expect(answer.outcome).to.equal('permit');
    expect(answer.policies[0]).to.match(/^policies\/wallets\.cedar:\d+ wallet-minority-plan$/);
    expect(answer.reason).to.include('less than a third');
  });

  for (const [share, expected] of [
    [333_332, 'permit'],
    [333_333, 'owner_approval'],
    [700_000, 'owner_approval'],
    [undefined, 'owner_approval'],
  ] as const) {
    it(`a validator plan at ${share ?? 'an unknown number of'} parts per million: ${expected}`, () => {
      const attributes = share === undefined ? {} : { share_ppm: share };
      expect(outcome(wallet(WALLET), 'instance:create', plan('validator-teku/besu', attributes))).to.equal(expected);
      expect(outcome(wallet(WALLET), 'instance:create', plan('validator-bundle-two/spread', attributes))).to.equal(
        expected,
      );
    });
  }

  it('RPC: read and standard for any wallet, trace only for a listed address', () => {
    expect(outcome(wallet(WALLET), 'instance:create', plan('rpc-ethereum/read'))).to.equal('permit');
    expect(outcome(wallet(WALLET), 'instance:create', plan('rpc-ethereum/standard'))).to.equal('permit');
    expect(outcome(wallet(WALLET), 'instance:create', plan('rpc-ethereum/trace'))).to.equal('deny');
    expect(outcome(wallet(undefined), 'instance:create', plan('rpc-ethereum/trace'))).to.equal('need_info');
    const listed = wallet('0x70997970c51812dc3a010c7d01b50e0d17dc79c8');
    expect(outcome(listed, 'instance:create', plan('rpc-ethereum/trace'))).to.equal('permit');
  });

  it('B2: an instance and a binding are their owner’s, all scopes of them, and nobody else’s', () => {
    for (const scope of ['read', 'update', 'delete', 'bind', 'something-new']) {
      expect(outcome(wallet(WALLET), scope, instanceOf(partyOf(WALLET)))).to.equal('permit');
      expect(outcome(wallet(OTHER_WALLET), scope, instanceOf(partyOf(WALLET)))).to.equal('deny');
      expect(outcome(platform, scope, instanceOf('platform:platform'))).to.equal('permit');
      expect(outcome(platform, scope, instanceOf(partyOf(WALLET)))).to.equal('deny');
      expect(outcome(operator, scope, instanceOf(partyOf(WALLET)))).to.equal('permit');
    }
    expect(outcome(wallet(undefined), 'read', instanceOf(partyOf(WALLET)))).to.equal('need_info');
  });

  it('a binding reaches its plan’s method groups only', () => {
    expect(outcome(wallet(WALLET), 'rpc:read', bindingOf(partyOf(WALLET)))).to.equal('permit');
    expect(outcome(wallet(WALLET), 'rpc:trace', bindingOf(partyOf(WALLET)))).to.equal('deny');
    expect(outcome(wallet(WALLET), 'delete', bindingOf(partyOf(WALLET)))).to.equal('permit');
    expect(outcome(platform, 'rpc:send', bindingOf('platform:platform'))).to.equal('deny');
  });

  it('a platform asks for any plan; fleet, keys, policies and requests are the operator’s', () => {
    expect(outcome(platform, 'instance:create', majority)).to.equal('permit');
    for (const [scope, type] of [
      ['read', 'fleet'],
      ['pause', 'fleet'],
      ['allocate', 'keys'],
      ['read', 'policies'],
      ['approve', 'requests'],
      ['read', 'requests'],
    ] as const) {
      expect(outcome(operator, scope, { type, key: type })).to.equal('permit');
      expect(outcome(platform, scope, { type, key: type })).to.equal('deny');
      expect(outcome(wallet(WALLET), scope, { type, key: type })).to.equal('deny');
    }
  });

  it('B1: a party’s keys never exceed its stake; keys it names it controls; its fee recipient only on its own stake', () => {
    const withStake = wallet(WALLET, { stake_keys: 2, keys_held: 1 });
    const asked = (context: Facts) => outcome(withStake, 'instance:create', minority, { context });
    expect(asked({ keys: 1 })).to.equal('permit');
    expect(asked({ keys: 2 })).to.equal('deny');
    expect(outcome(wallet(WALLET), 'instance:create', minority, { context: { keys: 1 } })).to.equal('deny');
    expect(asked({ public_keys: ['0xaa'] })).to.equal('deny');
    expect(asked({ public_keys: ['0xaa'], keys_controlled: true })).to.equal('permit');
    expect(asked({ fee_recipient: WALLET })).to.equal('deny');
    expect(outcome(platform, 'instance:create', minority, { context: { fee_recipient: WALLET, keys: 9 } })).to.equal(
      'permit',
    );
  });

  it('middleware: for whoever has a validator instance; where that is not known the operator is asked', () => {
    const boost = plan('middleware-mev-boost/default');
    expect(outcome(wallet(WALLET, { validator_instances: 1 }), 'instance:create', boost)).to.equal('permit');
    expect(outcome(wallet(WALLET, { validator_instances: 0 }), 'instance:create', boost)).to.equal('deny');
    expect(outcome(wallet(WALLET), 'instance:create', boost)).to.equal('owner_approval');
  });

  it('the operator’s own resources of any type are its own; a second owner’s are that owner’s', () => {
    const photo = { type: 'photo', key: 'p-1' };
    expect(outcome(operator, 'view', photo)).to.equal('permit');
    expect(outcome(wallet(WALLET), 'view', photo)).to.equal('deny');
    const owner = { principal: { party: 'client:photos', kind: 'party', attributes: {} }, claims: {} } as const;
    expect(outcome(owner, 'view', photo, { owner: 'photos', clientId: 'photos' })).to.equal('permit');
    expect(outcome(operator, 'view', photo, { owner: 'photos' })).to.equal('deny');
    expect(outcome(owner, 'view', photo, { owner: 'other' })).to.equal('deny');
  });

  it('fails closed where a fact has the wrong type', () => {
    const answer = engine.assess(
      ask(wallet(WALLET), 'instance:create', plan('validator-nimbus/geth', { share_ppm: 'low' })),
    );
    expect(answer.outcome).to.equal('deny');
    expect(answer.reason).to.include('share_ppm');
  });
});
