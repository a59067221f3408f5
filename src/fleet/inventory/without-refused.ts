import type { InventorySource } from '../inventory.js';

/**
 * The inventory without the beacon nodes that were found to be of another network: their heads and checkpoints must never reach
 * a watermark, nor their silence count as a key's.
 */
export function withoutRefused(source: InventorySource, refused: () => ReadonlySet<string>): InventorySource {
  return () => {
    const [inventory, names] = [source(), refused()];
    if (names.size === 0) return inventory;
    return { ...inventory, beaconNodes: inventory.beaconNodes.filter(({ name }) => !names.has(name)) };
  };
}
