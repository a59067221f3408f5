/** The door of the move protocol (keys.md): one key changes validator client and never signs in two places. */

export type * from './contract.js';
export { createMoves } from './create-moves.js';
