import { expect } from 'chai';
import { register } from 'prom-client';
import { DomainError } from '../../src/errors.js';
import { provenStake, type Wish } from '../../src/fleet/index.js';
import { liveFacts } from '../../src/live-facts.js';
import { type Anvil, startAnvil } from '../gateway/support/anvil.js';
import { type TestFleet, testFleet } from './fleet-support.js';
import { deployToken, finalise, mint, transfer } from './token-support.js';

const TOKEN = `0x${'70'.repeat(20)}`;
const HALF = `0x${'71'.repeat(20)}`;
const ETHER = 10n ** 18n;
const wallet = (digits: string) => `0x${digits.repeat(20)}`;
const partyOf = (address: string) => ({ party: `eip155:31337:${address}`, address });

/** A real execution node and a real ERC-20 on it. */
describe('stake_sources: a pool token’s finalised balance is its holder’s stake', () => {
  let anvil: Anvil;
  let test: TestFleet;

  before(async function () {
    this.timeout(60_000);
    anvil = await startAnvil();
    for (const token of [TOKEN, HALF]) await deployToken(anvil.uri, token);
    await finalise(anvil.uri);
  });
  after(() => anvil.stop());
  const open = async (tokens: readonly { token: string; weiPerToken: bigint }[]) => {
    const poolTokens = tokens.map((token, index) => ({ name: `pool ${index}`, ...token }));
    test = await testFleet({ stake: provenStake(), poolTokens, executionUri: anvil.uri });
    await test.run('look');
  };
  afterEach(() => test.close());

  const told = async (address: string) =>
    (await liveFacts(test.fleet.facts)({ type: 'broker', key: 'broker', attributes: {} }, partyOf(address))).party;
  /** As if an epoch had passed. */
  const forget = () =>
    test.database.dataSource.query("UPDATE pool_balance SET seen_at = seen_at - interval '13 minutes'");
  const request = async (address: string, keys: number) => {
    const wish: Wish = {
      ...partyOf(address),
      instanceId: `${address} ${keys}`,
      subjectKind: 'party',
      members: [{ consensus: 'nimbus', execution: 'geth' }],
      keys,
      wish: 'soft',
    };
    return test.database.dataSource
      .transaction((manager) => test.fleet.provisioning.request(wish, manager))
      .then(
        () => 'granted',
        (thrown: unknown) => (thrown instanceof DomainError ? thrown.code : String(thrown)),
      );
  };

  it('counts when it is final, at the configured rate, whole keys of 32 ETH together', async () => {
    await open([
      { token: TOKEN, weiPerToken: ETHER },
      { token: HALF, weiPerToken: ETHER / 2n },
    ]);
    const rich = wallet('a1');
    await mint(anvil.uri, TOKEN, rich, 48n * ETHER);
    await mint(anvil.uri, HALF, rich, 40n * ETHER);
    expect(await told(rich), 'not final').to.deep.include({ stake_gwei: 0, stake_keys: 0 });
    await finalise(anvil.uri);
    expect(await told(rich), 'read once an epoch').to.deep.include({ stake_gwei: 0 });
    await forget();
    expect(await told(rich)).to.deep.include({ stake_gwei: 68e9, stake_keys: 2 });
    expect(await request(rich, 3)).to.equal('StakeExceeded');
    expect(await request(rich, 2)).to.equal('granted');
    expect(await request(rich, 1)).to.equal('StakeExceeded');
    expect(await told(wallet('a2'))).to.deep.include({ stake_keys: 0 });
  });

  it('is no fact while nobody can say, and then gives no key', async () => {
    await open([
      { token: TOKEN, weiPerToken: ETHER },
      { token: wallet('99'), weiPerToken: ETHER },
    ]);
    const unsure = wallet('b1');
    await mint(anvil.uri, TOKEN, unsure, 320n * ETHER);
    await finalise(anvil.uri);
    expect(await told(unsure)).to.deep.equal({ keys_held: 0, validator_instances: 0 });
    expect(await request(unsure, 1)).to.equal('StakeExceeded');
  });

  it('leaves nothing behind of wallets that only asked', async () => {
    await open([{ token: TOKEN, weiPerToken: ETHER }]);
    const rows = async () => (await test.database.dataSource.query('SELECT address FROM pool_balance')).length;
    for (const digits of ['d1', 'd2', 'd3']) await told(wallet(digits));
    await test.run('stakes');
    expect(await rows()).to.equal(3);
    await forget();
    await told(wallet('d1'));
    await test.run('stakes');
    expect(await rows()).to.equal(1);
  });

  it('is checked again every epoch: who has sold is named in the log’s count and a warning, and keeps its keys', async () => {
    await open([{ token: TOKEN, weiPerToken: ETHER }]);
    const [seller, buyer] = [wallet('c1'), wallet('c2')];
    await mint(anvil.uri, TOKEN, seller, 64n * ETHER);
    await finalise(anvil.uri);
    await told(seller);
    expect(await request(seller, 2)).to.equal('granted');
    const gauge = async () =>
      (await register.getSingleMetric('ovsb_stake_exceeded_parties')?.get())?.values.map(({ value }) => value);
    const check = async () => {
      await forget();
      await test.run('stakes');
      return test.fleet.stakeWarnings();
    };
    expect(await check()).to.deep.equal([]);
    await transfer(anvil.uri, TOKEN, seller, buyer, 40n * ETHER);
    await finalise(anvil.uri);
    expect(await check()).to.deep.equal(['a party holds more keys than its stake stands for; see the log']);
    expect(await gauge()).to.deep.equal([1]);
    expect(await told(seller), 'and gets no more').to.deep.include({ stake_keys: 0, keys_held: 2 });
    expect(await told(buyer)).to.deep.include({ stake_keys: 1 });
    await transfer(anvil.uri, TOKEN, buyer, seller, 40n * ETHER);
    await finalise(anvil.uri);
    expect(await check()).to.deep.equal([]);
    expect(await gauge()).to.deep.equal([0]);
  });
});
