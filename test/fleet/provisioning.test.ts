import { expect } from 'chai';
import type { Facts } from '../../authz/index.js';
import { DomainError } from '../../src/errors.js';
import { provenStake, type Wish } from '../../src/fleet/index.js';
import { liveFacts } from '../../src/live-facts.js';
import { CONSENSUS, EXECUTION, publicKey, type TestFleet, testFleet } from './fleet-support.js';

const WALLET = `0x${'ab'.repeat(20)}`;

function wish(instanceId: string, more: Partial<Wish> = {}): Wish {
  return {
    instanceId,
    party: `eip155:31337:${WALLET}`,
    address: WALLET,
    subjectKind: 'party',
    members: [{ consensus: 'nimbus', execution: 'geth' }],
    keys: 1,
    wish: 'soft',
    ...more,
  };
}

const NIMBUS_GETH = 'validator-nimbus/geth';

describe('F provisioning', () => {
  let test: TestFleet;
  beforeEach(async () => {
    test = await testFleet({ provisioningInFlight: 3 });
    await test.run('look');
  });
  afterEach(() => test.close());

  const request = (asked: Wish) =>
    test.database.dataSource.transaction((manager) => test.fleet.provisioning.request(asked, manager));
  const change = (asked: Wish) =>
    test.database.dataSource.transaction((manager) => test.fleet.provisioning.change(asked, manager));
  const end = (id: string) =>
    test.database.dataSource.transaction((manager) => test.fleet.provisioning.end(id, manager));
  const progress = (id: string) => test.fleet.provisioning.progress(id);
  const codeOf = async (promise: Promise<unknown>) =>
    promise.then(
      () => 'granted',
      (thrown: unknown) => (thrown instanceof DomainError ? thrown.code : String(thrown)),
    );

  it('facts: what live instances leave of a plan’s incentive quota, and a party’s stake in gwei', async () => {
    const facts = liveFacts(test.fleet.facts);
    const told = async (attributes: Facts) =>
      facts({ type: 'plan', key: NIMBUS_GETH, attributes }, { party: `eip155:31337:${WALLET}`, address: WALLET });
    expect((await told({ incentive_keys: 3 })).resource).to.deep.equal({ incentive_keys_left: 3 });
    expect((await told({})).resource).to.deep.equal({});
    await request(wish('one', { plan: NIMBUS_GETH }));
    await request(wish('many', { plan: NIMBUS_GETH, subjectKind: 'platform', party: 'platform:p', keys: 4 }));
    const { resource, party } = await told({ incentive_keys: 6 });
    expect(resource).to.deep.equal({ incentive_keys_left: 1 });
    expect((await told({ incentive_keys: 2 })).resource).to.deep.equal({ incentive_keys_left: 0 });
    expect(party).to.deep.equal({ stake_gwei: 32e9, stake_keys: 1, keys_held: 1, validator_instances: 1 });
    await end('many');
    expect((await told({ incentive_keys: 6 })).resource).to.deep.equal({ incentive_keys_left: 5 });
  });

  it('BLS withdrawal proof: 0x00 credentials are control of their keys, and nobody’s but their key’s', async () => {
    const credentials = `0x00${'5a'.repeat(31)}`;
    test.nodes.withdrawal.set(publicKey(7), credentials);
    await test.database.dataSource.query('DELETE FROM validator_stake');
    await test.run('look');
    const bls = { party: 'bls:0xaa', withdrawalCredentials: credentials };
    const { controlsKeys } = test.fleet.facts;
    expect(await controlsKeys(bls, [publicKey(7)])).to.equal(true);
    expect(await controlsKeys(bls, [publicKey(7), publicKey(8)]), 'one of two').to.equal(false);
    expect(
      await controlsKeys({ party: 'x', withdrawalCredentials: `0x01${'5a'.repeat(31)}` }, [publicKey(7)]),
    ).to.equal(false);
    const { address: _, ...named } = wish('mine', { ...bls, publicKeys: [publicKey(7)] });
    expect(await codeOf(request({ ...named, withdrawalCredentials: `0x00${'5b'.repeat(31)}` }))).to.equal(
      'KeyNotControlled',
    );
    expect(await codeOf(request(named))).to.equal('granted');
  });

  it('moves a live key from the implementation furthest above its target, longest dwell first; succeeded when live', async () => {
    await request(wish('one'));
    const [move] = await test.moves.list({ instanceId: 'one' });
    expect(move).to.deep.include({ publicKey: publicKey(0), from: 'lighthouse-geth', to: 'nimbus-geth' });
    const waiting = await progress('one');
    expect(waiting).to.deep.include({ state: 'in progress', status: 'waiting', publicKeys: [publicKey(0)] });
    expect(waiting.description).to.equal(
      '0 of 1 keys live on nimbus/geth; waiting: a key moves from lighthouse-geth to nimbus-geth (preflight)',
    );
    await test.moves.finish();
    expect(await progress('one')).to.deep.equal({
      state: 'succeeded',
      status: 'honoured',
      description: '1 of 1 keys live on nimbus/geth',
      publicKeys: [publicKey(0)],
    });
    const endpoint = await test.fleet.provisioning.endpoint('one');
    expect(endpoint).to.deep.include({
      implementation: 'nimbus',
      beaconApiUri: `${test.nodes.uri}/bn/nimbus-geth`,
      publicKeys: [publicKey(0)],
    });
    expect(endpoint?.executionNode.name).to.equal('geth');
    expect((await test.fleet.upstreams({ validatorInstanceId: 'one' })).map(({ name }) => name)).to.deep.equal([
      'geth',
    ]);
  });

  it('a party has the keys its stake stands for: one a wallet in the sandbox, 16 wallets', async () => {
    await request(wish('one'));
    expect(await codeOf(request(wish('two')))).to.equal('StakeExceeded');
    expect(await codeOf(request(wish('two', { keys: 2, party: 'other', address: WALLET })))).to.equal('StakeExceeded');
    for (let i = 1; i < 16; i += 1)
      expect(await codeOf(request(wish(`w${i}`, { party: `p${i}` })))).to.equal('granted');
    expect(await codeOf(request(wish('w16', { party: 'p16' })))).to.equal('StakeExceeded');
    const { address: _, ...walletless } = wish('none', { party: 'client:x' });
    expect(await codeOf(request(walletless))).to.equal('StakeExceeded');
    expect(
      await codeOf(request(wish('operator', { subjectKind: 'operator', party: 'client:operator', keys: 10 }))),
    ).to.equal('granted');
    await end('one');
    expect(await codeOf(request(wish('again'))), 'the ended wish frees the stake').to.equal('granted');
  });

  it('the same stake counts once: validators whose stake pool keys are held on cannot be named as well', async () => {
    await test.close();
    test = await testFleet({ stake: provenStake() });
    for (const index of [7, 8]) test.nodes.withdrawal.set(publicKey(index), WALLET);
    await test.run('look');
    const named = (index: number) => wish(`named ${index}`, { publicKeys: [publicKey(index)] });
    expect(await codeOf(request(wish('pool')))).to.equal('granted');
    expect(await codeOf(request(named(7))), 'the other one').to.equal('granted');
    expect(await codeOf(request(named(8)))).to.equal('StakeExceeded');
    await end('pool');
    expect(await codeOf(request(named(8))), 'given back').to.equal('granted');
    expect(await codeOf(request(wish('more')))).to.equal('StakeExceeded');
  });

  it('shares one in-flight cap; progress starts what waited', async () => {
    await request(wish('many', { subjectKind: 'platform', keys: 5 }));
    expect(await test.moves.list({ unfinished: true })).to.have.length(3);
    expect((await progress('many')).description)
      .to.contain('0 of 5')
      .and.contain('a free slot');
    await test.moves.finish();
    expect((await progress('many')).description).to.contain('3 of 5');
    expect(await test.moves.list({ unfinished: true })).to.have.length(2);
    await test.moves.finish();
    expect((await progress('many')).state).to.equal('succeeded');
  });

  it('a key that is there already needs no move, only to be seen live', async () => {
    const named = wish('named', {
      subjectKind: 'operator',
      publicKeys: [publicKey(63)],
      members: [{ consensus: 'nimbus', execution: 'nethermind' }],
    });
    test.nodes.silent.add('63');
    await request(named);
    expect(await test.moves.list({})).to.deep.equal([]);
    expect((await progress('named')).state).to.equal('in progress');
    test.nodes.silent.clear();
    expect((await progress('named')).state).to.equal('succeeded');
  });

  it('B1 named keys must be the party’s by their withdrawal credentials, and free', async () => {
    const mine = wish('mine', { publicKeys: [publicKey(7)] });
    expect(await codeOf(request(mine))).to.equal('KeyNotControlled');
    test.nodes.withdrawal.set(publicKey(7), WALLET);
    await test.database.dataSource.query('DELETE FROM validator_stake');
    await test.run('look');
    const controls = (address: string | undefined, keys: string[]) =>
      test.fleet.facts.controlsKeys({ party: 'p', ...(address !== undefined && { address }) }, keys);
    expect(await controls(WALLET, [publicKey(7)])).to.equal(true);
    expect(await controls(WALLET, [publicKey(7), publicKey(8)]), 'one of two').to.equal(false);
    expect(await controls(WALLET, [publicKey(7), publicKey(999)]), 'unknown to the chain').to.equal(false);
    expect(await controls(undefined, [publicKey(7)]), 'no account').to.equal(false);
    expect(await codeOf(request(mine))).to.equal('granted');
    expect(
      await codeOf(request(wish('thief', { publicKeys: [publicKey(7)], party: 'x', address: `0x${'cd'.repeat(20)}` }))),
    ).to.equal('KeyNotControlled');
    expect(await codeOf(request(wish('twice', { subjectKind: 'operator', publicKeys: [publicKey(7)] })))).to.equal(
      'NoKeys',
    );
    expect(await codeOf(request(wish('unknown', { subjectKind: 'operator', publicKeys: [publicKey(999)] })))).to.equal(
      'KeyNotControlled',
    );
  });

  it('refuses unknown implementations, regions without room, and more keys than the pool has; nothing changes', async () => {
    const operator = { subjectKind: 'operator' } as const;
    expect(
      await codeOf(request(wish('a', { ...operator, members: [{ consensus: 'nimbus', execution: 'reth' }] }))),
    ).to.equal('UnknownImplementation');
    expect(await codeOf(request(wish('b', { ...operator, region: 'mars' })))).to.equal('NoCapacity');
    expect(await codeOf(request(wish('c', { ...operator, keys: 65 })))).to.equal('NoKeys');
    test.nodes.down.add('vc/nimbus-geth');
    await test.run('look');
    expect(await codeOf(request(wish('d', operator)))).to.equal('NoCapacity');
    expect(await test.database.dataSource.query('SELECT * FROM wish')).to.deep.equal([]);
  });

  it('a bundle spreads its keys evenly', async () => {
    const members = [
      { consensus: 'nimbus', execution: 'geth' },
      { consensus: 'teku', execution: 'nethermind' },
    ];
    await request(wish('bundle', { subjectKind: 'platform', keys: 3, members }));
    expect((await test.moves.list({})).map(({ to }) => to).sort()).to.deep.equal([
      'nimbus-geth',
      'nimbus-geth',
      'teku-nethermind',
    ]);
  });

  it('change moves the key again; end moves nothing', async () => {
    await request(wish('one'));
    await test.moves.finish();
    await change(wish('one', { members: [{ consensus: 'lodestar', execution: 'nethermind' }] }));
    expect((await test.moves.list({ unfinished: true }))[0]).to.deep.include({
      from: 'nimbus-geth',
      to: 'lodestar-nethermind',
    });
    await test.moves.finish();
    await change(wish('one', { members: [{ consensus: 'lodestar', execution: 'nethermind' }], feeRecipient: WALLET }));
    expect((await progress('one')).state, 'no move needed').to.equal('succeeded');
    expect(test.nodes.settings).to.deep.equal([
      `lodestar-nethermind eth/v1/validator/${publicKey(0)}/feerecipient {"ethaddress":"${WALLET}"}`,
    ]);
    await end('one');
    expect(await test.moves.list({ unfinished: true })).to.deep.equal([]);
    expect((await progress('one')).status).to.equal('refused');
    const placement = (await test.moves.placements()).find((one) => one.publicKey === publicKey(0));
    expect(placement?.holder).to.equal('lodestar-nethermind');
  });

  it('end stops a move that has not begun to drain, and no other', async () => {
    await request(wish('one'));
    await request(wish('two', { party: 'two' }));
    const [two] = await test.moves.list({ instanceId: 'two' });
    await test.moves.set(two?.id ?? '', 'draining');
    await end('one');
    await end('two');
    expect((await test.moves.list({ unfinished: true })).map(({ instanceId }) => instanceId)).to.deep.equal(['two']);
  });

  it('an aborted move is tried again, then the wish is refused with the reason', async () => {
    await request(wish('one'));
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const [move] = await test.moves.list({ unfinished: true });
      await test.moves.set(move?.id ?? '', 'aborted', 'the destination does not answer');
      expect((await progress('one')).state).to.equal(attempt < 5 ? 'in progress' : 'failed');
      await test.database.dataSource.query(`UPDATE fake_move SET updated_at = now() - interval '1 hour'`);
      await progress('one');
    }
    expect((await progress('one')).description).to.contain('the destination does not answer');
  });

  it('waits while moves are paused and says so', async () => {
    await test.call('POST', '/pause', { reason: 'a page' });
    await request(wish('one'));
    expect(await test.moves.list({})).to.deep.equal([]);
    expect((await progress('one')).description).to.contain('moves are paused: a page');
    await test.call('POST', '/resume');
    await progress('one');
    expect(await test.moves.list({})).to.have.length(1);
  });

  it('the planner leaves wished keys where they are, and frees nobody’s key', async () => {
    await request(
      wish('hard', {
        subjectKind: 'operator',
        keys: 3,
        wish: 'hard',
        members: [{ consensus: 'lighthouse', execution: 'geth' }],
      }),
    );
    const plan = (await test.call('POST', '/plans')).body as unknown as { moves: { public_key: string }[] };
    const wished = (await progress('hard')).publicKeys;
    expect(wished).to.have.length(3);
    expect(plan.moves.filter((move) => wished.includes(move.public_key))).to.deep.equal([]);
    expect(plan.moves).to.have.length(20);
  });

  it('F.14: shares of the fleet’s stake for policies, and nodes for the gateway', async () => {
    expect(await test.fleet.facts.consensusShare('lighthouse')).to.equal(0.625);
    expect(await test.fleet.facts.consensusShare('grandine')).to.equal(0);
    expect(await test.fleet.facts.executionShare('geth')).to.equal(54 / 64);
    expect(test.fleet.provisioning.executionNodes().map(({ name }) => name)).to.have.members(EXECUTION);
    expect(CONSENSUS).to.have.length(6);
  });

  it('parallel requests, more than the pool has connections, never share a key', async () => {
    await Promise.all(Array.from({ length: 15 }, (_, i) => request(wish(`i${i}`, { party: `party-${i}` }))));
    const rows: { public_key: string }[] = await test.database.dataSource.query(
      'SELECT public_key FROM instance_allocation',
    );
    expect(new Set(rows.map((row) => row.public_key)).size).to.equal(15);
    expect((await test.moves.list({ unfinished: true })).length).to.equal(3);
  });
});
