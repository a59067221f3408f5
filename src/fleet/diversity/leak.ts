/**
 * What an offline or wrong-chain validator of 32 ETH loses, by the accounting of the consensus specifications (Altair scores,
 * Bellatrix quotient, hysteresis of effective balances) for a network of 36 M ETH. Amounts in gwei; a model, "≈, ± 2×".
 */
const GWEI_PER_ETH = 1e9;
const NETWORK_GWEI = 36e6 * GWEI_PER_ETH;
const INACTIVITY_QUOTIENT = 2 ** 24;
const SCORE_BIAS = 4;
const EPOCHS_BEFORE_LEAK = 4;
const BASE_REWARD_FACTOR = 64;
const STAKE = 32 * GWEI_PER_ETH;
/** Source and target are penalised when missed, the head is only not rewarded; weights 14, 26, 14 of 64. */
const PENALTY_WEIGHT = (14 + 26) / 64;
const MISSED_WEIGHT = (14 + 26 + 14) / 64;

export const SECONDS_PER_EPOCH = 384;

/**
 * Fraction of its stake that a validator loses when all of `share` of the network is off for `epochs`. Below a third finality goes
 * on and only rewards and penalties count; from there the chain leaks until two thirds of what is left are online.
 */
export function lossFraction(share: number, epochs: number): number {
  const perEpoch = (PENALTY_WEIGHT + MISSED_WEIGHT) * baseReward(STAKE, NETWORK_GWEI);
  if (share < 1 / 3) return Math.min((perEpoch * epochs) / STAKE, 1);
  let balance = STAKE;
  let effective = STAKE;
  let score = 0;
  let epoch = 0;
  for (; epoch < epochs; epoch += 1) {
    const off = (share * effective) / STAKE;
    const on = 1 - share;
    const leaking = epoch >= EPOCHS_BEFORE_LEAK;
    if (leaking && on / (on + off) >= 2 / 3) break;
    score += SCORE_BIAS;
    const reward = baseReward(effective, NETWORK_GWEI * (on + off));
    balance -= reward * (PENALTY_WEIGHT + MISSED_WEIGHT);
    if (leaking) balance -= (effective * score) / (SCORE_BIAS * INACTIVITY_QUOTIENT);
    if (balance + 0.25 * GWEI_PER_ETH < effective) effective = Math.max(balance - (balance % GWEI_PER_ETH), 0);
    if (balance <= 0) return 1;
  }
  balance -= (epochs - epoch) * perEpoch * (effective / STAKE);
  return Math.min(Math.max((STAKE - balance) / STAKE, 0), 1);
}

function baseReward(effective: number, totalGwei: number): number {
  return (
    (effective / GWEI_PER_ETH) * Math.floor((GWEI_PER_ETH * BASE_REWARD_FACTOR) / Math.floor(Math.sqrt(totalGwei)))
  );
}
