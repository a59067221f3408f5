import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Abi, encodeDeployData, encodeFunctionData } from 'viem';
import { systemClock } from '../../src/clock.js';
import { createLogger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import { publicKeyHex, SecretKey, sign } from '../../src/sandbox/bls.js';
import { Chain } from '../../src/sandbox/chain/chain.js';
import { depositSigningRoot } from '../../src/sandbox/chain/signing.js';
import { SlotClock } from '../../src/sandbox/chain/slot-clock.js';
import { DEPOSIT_CONTRACT_ADDRESS, OPERATOR_ADDRESS, WITHDRAWAL_CREDENTIALS } from '../../src/sandbox/chain/spec.js';
import { Validators } from '../../src/sandbox/chain/validators.js';
import { type Anvil, startAnvil } from '../../src/sandbox/execution/anvil.js';
import { DEPOSIT_CONTRACT_BYTECODE } from '../../src/sandbox/execution/deposit-contract.js';
import { ensureDepositContract, followDeposits } from '../../src/sandbox/execution/deposits.js';
import { rpc } from '../../src/sandbox/execution/rpc.js';
import { Referee } from '../../src/sandbox/referee/referee.js';

const REAL_CONTRACT = join(ROOT, '../shared/data/vectors/deposit-contract/deposit_contract.json');
const AMOUNT_GWEI = 32_000_000_000n;

const ABI: Abi = [
  {
    type: 'function',
    name: 'deposit',
    stateMutability: 'payable',
    outputs: [],
    inputs: [
      { name: 'pubkey', type: 'bytes' },
      { name: 'withdrawal_credentials', type: 'bytes' },
      { name: 'signature', type: 'bytes' },
      { name: 'deposit_data_root', type: 'bytes32' },
    ],
  },
  { type: 'function', name: 'get_deposit_root', stateMutability: 'view', inputs: [], outputs: [{ type: 'bytes32' }] },
];

const bytes = (text: string) => Buffer.from(text.slice(2), 'hex');
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const zeros = (length: number) => Buffer.alloc(length);

/** hash_tree_root(DepositData) by plain sha256. */
function depositDataRoot(pubkey: string, signature: string): Buffer {
  const amount = Buffer.alloc(8);
  amount.writeBigUInt64LE(AMOUNT_GWEI);
  const signed = bytes(signature);
  const signatureRoot = sha256(sha256(signed.subarray(0, 64)), sha256(signed.subarray(64), zeros(32)));
  const left = sha256(sha256(bytes(pubkey), zeros(16)), bytes(WITHDRAWAL_CREDENTIALS));
  return sha256(left, sha256(amount, zeros(24), signatureRoot));
}

describe('sandbox deposit contract', function () {
  this.timeout(60_000);
  let folder: string;
  let anvil: Anvil;
  let chain: Chain;
  let referee: Referee;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ovsb-deposits-'));
    anvil = await startAnvil(join(folder, 'anvil'), await freePort(), createLogger('silent'));
    await ensureDepositContract(anvil.uri);
    await ensureDepositContract(anvil.uri);
    referee = Referee.open(join(folder, 'referee'));
    const clock = new SlotClock(systemClock, Date.now() - 20_000, 1_000);
    const first = publicKeyHex(SecretKey.fromKeygen(zeros(32)));
    chain = new Chain(folder, clock, `0x${'0a'.repeat(32)}`, new Validators(folder, [first]), referee);
  });

  after(async () => {
    chain.close();
    referee.close();
    await anvil.stop();
    rmSync(folder, { recursive: true });
  });

  function freePort(): Promise<number> {
    return new Promise((resolve) => {
      const probe = createServer();
      probe.listen(0, '127.0.0.1', () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
      });
    });
  }

  async function mined(transaction: Record<string, unknown>): Promise<{ status: string; contractAddress: string }> {
    const hash = await rpc<string>(anvil.uri, 'eth_sendTransaction', [
      { from: OPERATOR_ADDRESS, gas: '0x4c4b40', ...transaction },
    ]);
    for (let attempt = 0; attempt < 100; attempt++) {
      const receipt = await rpc<{ status: string; contractAddress: string } | null>(
        anvil.uri,
        'eth_getTransactionReceipt',
        [hash],
      );
      if (receipt) return receipt;
      await sleep(50);
    }
    throw new Error('not mined');
  }

  async function deposit(contract: string, seed: number, root?: Buffer): Promise<string> {
    const secret = SecretKey.fromKeygen(Buffer.alloc(32, seed));
    const pubkey = publicKeyHex(secret) as `0x${string}`;
    const message = { pubkey, withdrawal_credentials: WITHDRAWAL_CREDENTIALS, amountGwei: AMOUNT_GWEI };
    const signature = sign(secret, depositSigningRoot(message));
    const args = [
      pubkey,
      WITHDRAWAL_CREDENTIALS,
      signature,
      `0x${(root ?? depositDataRoot(pubkey, signature)).toString('hex')}`,
    ];
    const data = encodeFunctionData({ abi: ABI, functionName: 'deposit', args });
    const value = `0x${(AMOUNT_GWEI * 1_000_000_000n).toString(16)}`;
    return (await mined({ to: contract, value, data })).status;
  }

  const rootOf = (contract: string) =>
    rpc<string>(anvil.uri, 'eth_call', [
      { to: contract, data: encodeFunctionData({ abi: ABI, functionName: 'get_deposit_root' }) },
      'latest',
    ]);

  it('takes deposits, refuses a wrong data root, and its deposits become validators', async () => {
    expect(await deposit(DEPOSIT_CONTRACT_ADDRESS, 1)).to.equal('0x1');
    expect(await deposit(DEPOSIT_CONTRACT_ADDRESS, 2, zeros(32))).to.equal('0x0');
    const failures: unknown[] = [];
    const stop = followDeposits(anvil.uri, chain, (thrown) => failures.push(thrown));
    const key = publicKeyHex(SecretKey.fromKeygen(Buffer.alloc(32, 1)));
    for (let attempt = 0; attempt < 100 && !chain.validators.byPublicKey(key); attempt++) await sleep(100);
    stop();
    expect(failures).to.deep.equal([]);
    expect(chain.validators.byPublicKey(key)).to.include({ index: 1, withdrawalCredentials: WITHDRAWAL_CREDENTIALS });
    expect(chain.validators.all()).to.have.lengthOf(2);
  });

  it('keeps the same tree as the real bytecode', async function () {
    if (!existsSync(REAL_CONTRACT)) {
      console.log('      the real deposit contract is not here: skipped');
      this.skip();
    }
    const { abi, bytecode } = JSON.parse(readFileSync(REAL_CONTRACT, 'utf8'));
    const hex = String(bytecode.object ?? bytecode).replace(/^(0x)?/, '0x') as `0x${string}`;
    const { contractAddress: real } = await mined({ data: encodeDeployData({ abi, bytecode: hex }) });
    const { contractAddress: ours } = await mined({ data: DEPOSIT_CONTRACT_BYTECODE });
    expect(await rootOf(ours)).to.equal(await rootOf(real));
    for (const seed of [3, 4, 5]) {
      expect(await deposit(real, seed)).to.equal('0x1');
      expect(await deposit(ours, seed)).to.equal('0x1');
      expect(await rootOf(ours)).to.equal(await rootOf(real));
    }
  });
});
