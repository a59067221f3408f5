import { compileSchema } from '../../validate.js';
import { requestJson } from './http-json.js';

/** Keys in one request: a URL of about 6 kB. */
export const KEYS_PER_REQUEST = 64;
const TIMEOUT_MS = 8000;

export interface ChainStake {
  readonly publicKey: string;
  readonly validatorIndex: bigint;
  readonly status: string;
  readonly effectiveBalanceGwei: bigint;
  readonly withdrawalCredentials: string;
}

interface Answer {
  data: {
    index: string;
    status: string;
    validator: { pubkey: string; effective_balance: string; withdrawal_credentials: string };
  }[];
}

const DECIMAL = { type: 'string', pattern: '^\\d{1,20}$' };
const isAnswer = compileSchema<Answer>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'array',
      items: {
        type: 'object',
        required: ['index', 'status', 'validator'],
        properties: {
          index: DECIMAL,
          status: { type: 'string', maxLength: 64 },
          validator: {
            type: 'object',
            required: ['pubkey', 'effective_balance', 'withdrawal_credentials'],
            properties: {
              pubkey: { type: 'string', pattern: '^0x[0-9a-fA-F]{96}$' },
              effective_balance: DECIMAL,
              withdrawal_credentials: { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' },
            },
          },
        },
      },
    },
  },
});

/**
 * Balances and withdrawal credentials of the finalised state (Beacon API getStateValidators); unknown keys are left out.
 * @throws Error with a one-line reason.
 */
export async function readStakes(
  beaconUri: string,
  publicKeys: readonly string[],
  signal: AbortSignal,
): Promise<ChainStake[]> {
  const url = `${beaconUri}/eth/v1/beacon/states/finalized/validators?id=${publicKeys.join(',')}`;
  const answer = await requestJson(url, { signal, timeoutMs: TIMEOUT_MS });
  if (!isAnswer(answer)) throw new Error('answered something else than validators');
  const asked = new Set(publicKeys);
  return answer.data
    .map(({ index, status, validator }) => ({
      publicKey: validator.pubkey.toLowerCase(),
      validatorIndex: BigInt(index),
      status,
      effectiveBalanceGwei: BigInt(validator.effective_balance),
      withdrawalCredentials: validator.withdrawal_credentials.toLowerCase(),
    }))
    .filter(({ publicKey }) => asked.has(publicKey));
}
