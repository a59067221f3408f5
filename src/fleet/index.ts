/** The door of the fleet for the broker: wishes for keys on an implementation, and what became of them. */

export type * from './contract.js';
export { createFleet, type Fleet } from './create-fleet.js';
export { openInventory } from './inventory/open-inventory.js';
export { provenStake } from './provisioning/proven-stake.js';
export { sandboxStake } from './provisioning/stake-source.js';
