import { encodeFunctionData, erc20Abi, type Hex } from 'viem';
import { compileSchema } from '../../validate.js';
import { requestJson } from '../look/http-json.js';

/** A staking pool's token that counts as stake of whoever holds it. */
export interface PoolToken {
  readonly name: string;
  /** Its ERC-20 contract, lower-case 0x. */
  readonly token: string;
  /** ETH, in wei, that 10^18 of its smallest units stand for. */
  readonly weiPerToken: bigint;
}

const UNITS_PER_TOKEN = 10n ** 18n;
const WEI_PER_GWEI = 10n ** 9n;
const GAS = 1_000_000;
/** Of all three calls together. */
const TIMEOUT_MS = 3000;
/** Finality is two to three epochs of 384 s behind; beyond five nobody can say what is final. */
const MAX_AGE_SECONDS = 1920;
/** PostgreSQL's bigint; no stake comes near it. */
const MOST_GWEI = 2n ** 63n - 1n;

const isBlock = compileSchema<{ result: { hash: Hex; timestamp: Hex } }>({
  type: 'object',
  required: ['result'],
  properties: {
    result: {
      type: 'object',
      required: ['hash', 'timestamp'],
      properties: {
        hash: { type: 'string', pattern: '^0x[0-9a-f]{64}$' },
        timestamp: { type: 'string', pattern: '^0x[0-9a-f]{1,12}$' },
      },
    },
  },
});
const isWord = compileSchema<{ result: Hex }>({
  type: 'object',
  required: ['result'],
  properties: { result: { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' } },
});

/**
 * What the wallet's `balanceOf` (ERC-20) stands for in gwei, at the finalised block and no other.
 * @throws Error with a one-line reason: no answer in time, no recent finalised block, no such token.
 */
export async function readPoolBalance(
  nodeUri: string,
  { token, weiPerToken }: PoolToken,
  address: string,
  nowMs: number,
): Promise<bigint> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const call = (method: string, params: readonly unknown[]) =>
    requestJson(nodeUri, { signal, timeoutMs: TIMEOUT_MS, body: { jsonrpc: '2.0', id: 1, method, params } });
  const block = await call('eth_getBlockByNumber', ['finalized', false]);
  if (!isBlock(block)) throw new Error('it has no finalised block');
  if (nowMs / 1000 - Number(block.result.timestamp) > MAX_AGE_SECONDS)
    throw new Error('its finalised block is too old');
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'balanceOf', args: [address as Hex] });
  const transaction = { to: token, data, gas: `0x${GAS.toString(16)}` };
  const answer = await call('eth_call', [transaction, { blockHash: block.result.hash }]);
  if (!isWord(answer)) throw new Error(`it gave no balance of ${token}`);
  const gwei = (BigInt(answer.result) * weiPerToken) / UNITS_PER_TOKEN / WEI_PER_GWEI;
  if (gwei > MOST_GWEI) throw new Error(`the balance of ${token} is no stake`);
  return gwei;
}
