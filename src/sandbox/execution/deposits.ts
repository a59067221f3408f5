import type { Chain } from '../chain/chain.js';
export async function ensureDepositContract(_uri: string): Promise<void> {}
export function followDeposits(_uri: string, _chain: Chain, _report: (thrown: unknown) => void): () => void {
  return () => undefined;
}
