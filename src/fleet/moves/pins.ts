import type { MoveState } from './index.js';
import type { Outside } from './ports.js';
import type { MoveRecord } from './record.js';

/** Whose answers count in which state; preflight takes the pins, and ready asks about the destination itself. */
const ASKED: { readonly [state in MoveState]?: (move: MoveRecord) => string } = {
  draining: (move) => move.source,
  confirming: (move) => move.source,
  restarted: (move) => move.source,
  ready: (move) => move.source,
  importing: (move) => move.destination,
  verify: (move) => move.destination,
};

/**
 * Why a step may not be taken: the name means another process than when the move began, whose answers would be evidence of
 * nothing (security.md, A9). A client that is not listed at all cannot be asked anyway.
 */
export async function strangerAt(move: MoveRecord, outside: Outside): Promise<string | undefined> {
  const client = ASKED[move.state]?.(move);
  const pinned = client === undefined ? undefined : move.progress.pins?.[client];
  if (client === undefined || pinned === undefined) return undefined;
  const now = await outside.identify(client);
  if (!now || (now.uri === pinned.uri && now.token === pinned.token)) return undefined;
  return `${client} is no longer the process it was when the move began`;
}
