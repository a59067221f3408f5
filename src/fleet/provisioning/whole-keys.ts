/** What one pool key stands for: 32 ETH (MIN_ACTIVATION_BALANCE). */
export const GWEI_PER_KEY = 32_000_000_000n;

/** Keys that so much stake stands for. */
export function wholeKeys(gwei: bigint): number {
  return Number(gwei / GWEI_PER_KEY);
}
