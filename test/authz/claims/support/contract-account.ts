import type { Hex } from 'viem';

export const CONTRACT = `0x${'c0'.repeat(20)}` as const;

/** A wallet contract by hand: ecrecover(hash, v, r, s) == owner ? magic value : 0. */
export const walletCode = (owner: string): Hex =>
  `0x${[
    '6004356000526', // hash
    '0a4356000',
    '1a602052', // v: the byte after r and s
    '606435604052608435606052', // r, s
    '602060806080600060015afa50', // ecrecover
    `60805173${owner.slice(2)}14`,
    '631626ba7e60e01b02',
    '60005260206000f3',
  ].join('')}`;

/** One call of an execution node. */
export async function nodeCall(uri: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(uri, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return ((await response.json()) as { result: unknown }).result;
}
