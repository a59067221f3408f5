import { expect } from 'chai';
import { provenStake } from '../../src/fleet/index.js';
import { wholeKeys } from '../../src/fleet/provisioning/whole-keys.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const WALLET = '0x1111111111111111111111111111111111111111';
const STRANGER = '0x2222222222222222222222222222222222222222';
const key = (digit: string) => `0x${digit.repeat(96)}`;
const credentials = (prefix: string, address: string) => `0x${prefix}${'00'.repeat(11)}${address.slice(2)}`;

describe('stake proved by withdrawal credentials', () => {
  let database: TestDatabase;
  before(async () => {
    database = await testDatabase();
    const rows: [string, string, string, string][] = [
      [key('1'), 'active_ongoing', '32000000000', credentials('01', WALLET)],
      [key('2'), 'active_ongoing', '64000000000', credentials('02', WALLET)],
      [key('3'), 'exited_unslashed', '32000000000', credentials('01', WALLET)],
      [key('4'), 'active_ongoing', '32000000000', `0x00${'11'.repeat(31)}`],
      [key('5'), 'active_ongoing', '32000000000', credentials('01', STRANGER)],
    ];
    for (const [index, row] of rows.entries()) {
      await database.dataSource.query(
        `INSERT INTO validator_stake (public_key, validator_index, status, effective_balance_gwei, withdrawal_credentials, seen_at)
         VALUES ($1, ${index}, $2, $3, $4, now())`,
        row,
      );
    }
  });
  after(() => database.drop());

  const keysOf = async (address?: string) =>
    wholeKeys(
      await provenStake().gweiOf(
        { party: `eip155:1:${address}`, ...(address ? { address } : {}) },
        database.dataSource.manager,
      ),
    );

  it('counts active validators of 0x01 and 0x02 credentials that carry the address, in whole keys of 32 ETH', async () => {
    expect(await keysOf(WALLET)).to.equal(3);
    expect(await keysOf(STRANGER)).to.equal(1);
  });

  it('counts 0x00 credentials for whoever proved their BLS key, beside those of its account', async () => {
    const withdrawalCredentials = `0x00${'11'.repeat(31)}`;
    const gweiOf = (holder: object) =>
      provenStake().gweiOf({ party: 'p', withdrawalCredentials, ...holder }, database.dataSource.manager);
    expect(wholeKeys(await gweiOf({}))).to.equal(1);
    expect(wholeKeys(await gweiOf({ address: WALLET }))).to.equal(4);
    expect(await gweiOf({ withdrawalCredentials: `0x00${'12'.repeat(31)}` })).to.equal(0n);
    expect(await gweiOf({ withdrawalCredentials: credentials('01', STRANGER) }), 'not proved by BLS').to.equal(0n);
  });

  it('is nothing for whoever proved no wallet, or a wallet without validators', async () => {
    expect(await keysOf(undefined)).to.equal(0);
    expect(await keysOf(`0x${'3'.repeat(40)}`)).to.equal(0);
  });
});
