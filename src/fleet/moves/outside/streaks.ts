import type { NodeView } from '../ports.js';

/** Looks further apart than this leave it open whether the node was synced in between. */
const MOST_BETWEEN_LOOKS_MS = 15_000;

/**
 * Since when each beacon node has been seen synced without a break: a node that missed a part of an epoch cannot say that a
 * key was silent in it (security.md, A9). Kept in memory only: after a crash the next epoch is the first that counts.
 */
export class Streaks {
  readonly #since = new Map<string, { readonly epoch: bigint; readonly seenMs: number }>();

  constructor(private readonly nowMs: () => number) {}

  /** Adds what this look says; undefined: the node did not answer, which ends its streak. */
  extend(node: string, view: Omit<NodeView, 'wholeSince'> | undefined): NodeView | undefined {
    if (!view?.synced || view.optimistic) {
      this.#since.delete(node);
      return view && { ...view, wholeSince: undefined };
    }
    const held = this.#since.get(node);
    const seenMs = this.nowMs();
    const unbroken = held !== undefined && seenMs - held.seenMs <= MOST_BETWEEN_LOOKS_MS;
    const epoch = unbroken ? held.epoch : view.currentEpoch + (view.slotInEpoch === 0n ? 0n : 1n);
    this.#since.set(node, { epoch, seenMs });
    return { ...view, wholeSince: epoch };
  }
}
