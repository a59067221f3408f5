import { setTimeout as sleep } from 'node:timers/promises';
import { verifies } from '../bls.js';
import type { Chain } from '../chain/chain.js';
import { depositSigningRoot } from '../chain/signing.js';
import { DEPOSIT_CONTRACT_ADDRESS, OPERATOR_ADDRESS } from '../chain/spec.js';
import { DEPOSIT_CONTRACT_BYTECODE, DEPOSIT_EVENT_TOPIC } from './deposit-contract.js';
import { rpc } from './rpc.js';

const LOOK_EVERY_MS = 2_000;
const DEPLOY_GAS = `0x${(5_000_000).toString(16)}`;

/** Deploys the deposit contract as account 0's first transaction, unless the chain has it from before. */
export async function ensureDepositContract(uri: string): Promise<void> {
  if ((await codeAt(uri)) !== '0x') return;
  const transaction = { from: OPERATOR_ADDRESS, data: DEPOSIT_CONTRACT_BYTECODE, gas: DEPLOY_GAS, nonce: '0x0' };
  await rpc(uri, 'eth_sendTransaction', [transaction]);
  for (let attempt = 0; attempt < 50; attempt++) {
    if ((await codeAt(uri)) !== '0x') return;
    await sleep(100);
  }
  throw new Error('the deposit contract was not deployed');
}

function codeAt(uri: string): Promise<string> {
  return rpc<string>(uri, 'eth_getCode', [DEPOSIT_CONTRACT_ADDRESS, 'latest']);
}

/** Brings the contract's deposits to the chain, in order. A failed look is reported and made again. Returns the stop. */
export function followDeposits(uri: string, chain: Chain, report: (thrown: unknown) => void): () => void {
  let fromBlock = 0n;
  let looking = false;
  const look = async (): Promise<void> => {
    const head = BigInt(await rpc<string>(uri, 'eth_blockNumber', []));
    const filter = {
      address: DEPOSIT_CONTRACT_ADDRESS,
      topics: [DEPOSIT_EVENT_TOPIC],
      toBlock: `0x${head.toString(16)}`,
    };
    const logs = await rpc<{ data: `0x${string}` }[]>(uri, 'eth_getLogs', [
      { ...filter, fromBlock: `0x${fromBlock.toString(16)}` },
    ]);
    for (const log of logs) takeDeposit(chain, log.data);
    fromBlock = head + 1n;
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch(report)
      .finally(() => {
        looking = false;
      });
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/** process_deposit: the signature counts only for a key the chain does not know. */
function takeDeposit(chain: Chain, data: `0x${string}`): void {
  const [pubkey, credentials, amount, signature, index] = eventFields(data);
  if (!pubkey || !credentials || !amount || !signature || !index) return;
  const amountGwei = littleEndian(amount);
  const message = { pubkey, withdrawal_credentials: credentials, amountGwei };
  const known = chain.validators.byPublicKey(pubkey) !== undefined;
  chain.validators.deposit({
    deposit: Number(littleEndian(index)),
    publicKey: known || verifies(pubkey, depositSigningRoot(message), signature) ? pubkey : '',
    withdrawalCredentials: credentials,
    amountGwei: amountGwei.toString(),
    epoch: chain.clock.epoch(),
  });
}

/** The event's five `bytes` fields by the ABI: an offset word each, and there a length word and the bytes. */
function eventFields(data: `0x${string}`): `0x${string}`[] {
  const bytes = Buffer.from(data.slice(2), 'hex');
  return [0, 1, 2, 3, 4].map((place) => {
    const offset = Number(BigInt(`0x${bytes.toString('hex', place * 32, place * 32 + 32)}`));
    const length = Number(BigInt(`0x${bytes.toString('hex', offset, offset + 32)}`));
    return `0x${bytes.toString('hex', offset + 32, offset + 32 + length)}` as const;
  });
}

function littleEndian(hex: `0x${string}`): bigint {
  return Buffer.from(hex.slice(2), 'hex').readBigUInt64LE(0);
}
