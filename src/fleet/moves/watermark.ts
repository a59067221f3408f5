import { createHash } from 'node:crypto';
import { maximum, type Watermark } from '../../keys/slashing-protection/watermark.js';
import type { ChainView } from './ports.js';

/**
 * The watermark sent with a key (security.md, A8): target = the highest of ledger, this epoch and every head epoch; source =
 * the higher of ledger and any justified epoch reported, at most the target, never guessed upward; slot = last of the next
 * epoch. Undefined when no node answered.
 */
export function watermarkToSend(held: Watermark, chain: ChainView): Watermark | undefined {
  const target = maximum([held.targetEpoch, ...chain.nodes.flatMap((node) => [node.currentEpoch, node.headEpoch])]);
  const epoch = currentEpoch(chain);
  if (target === undefined || epoch === undefined) return undefined;
  const source = maximum([held.sourceEpoch, ...chain.nodes.map((node) => node.justifiedEpoch), 0n]) ?? 0n;
  const slot = maximum([held.slot, (epoch + 2n) * chain.slotsPerEpoch - 1n]);
  return { targetEpoch: target, sourceEpoch: source < target ? source : target, slot };
}

/** By the clocks of the nodes that answered: the latest. */
export function currentEpoch(chain: ChainView): bigint | undefined {
  return maximum(chain.nodes.map((node) => node.currentEpoch));
}

/** Whether protection speaks of epochs or slots that have not come (security.md, A4). */
export function fromTheFuture(mark: Watermark | undefined, chain: ChainView): boolean {
  const epoch = currentEpoch(chain);
  if (!mark || epoch === undefined) return false;
  const latest = epoch + 1n;
  return (
    (mark.targetEpoch ?? 0n) > latest ||
    (mark.sourceEpoch ?? 0n) > latest ||
    (mark.slot ?? 0n) >= (latest + 1n) * chain.slotsPerEpoch
  );
}

/** Protection as it may be merged: while no beacon node tells what the future is, nothing (a later answer brings it again). */
export function mergeable(mark: Watermark | undefined, chain: ChainView): Watermark | undefined {
  return currentEpoch(chain) === undefined || fromTheFuture(mark, chain) ? undefined : mark;
}

/** What the granting transaction stores: the hash of exactly what will be sent. */
export function watermarkHash(publicKey: string, mark: Watermark): string {
  const text = [publicKey, mark.sourceEpoch, mark.targetEpoch, mark.slot].join(' ');
  return createHash('sha256').update(text).digest('hex');
}
