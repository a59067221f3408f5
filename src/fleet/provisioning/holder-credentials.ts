import type { StakeHolder } from '../contract.js';

/** 0x01 (phase 0) and 0x02 (EIP-7251): eleven zero bytes and the address that withdrawals go to. */
const ADDRESS_PREFIXES = ['01', '02'];

/**
 * Withdrawal credentials that make a validator the holder's: those that carry its address, and the 0x00 ones whose BLS key
 * it proved. Empty for whoever proved neither.
 */
export function holderCredentials({ address, withdrawalCredentials }: StakeHolder): readonly string[] {
  const carried = address !== undefined && /^0x[0-9a-f]{40}$/.test(address) ? address.slice(2) : undefined;
  const proved = withdrawalCredentials !== undefined && /^0x00[0-9a-f]{62}$/.test(withdrawalCredentials);
  return [
    ...(carried === undefined ? [] : ADDRESS_PREFIXES.map((prefix) => `0x${prefix}${'00'.repeat(11)}${carried}`)),
    ...(proved ? [withdrawalCredentials] : []),
  ];
}
