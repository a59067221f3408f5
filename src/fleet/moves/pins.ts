import type { MoveState } from './contract.js';
import type { Outside } from './ports.js';
import type { MoveRecord, Pin } from './record.js';

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
 * Whether `now` is the process pinned under this name. One that came back at another address is known by its token, where
 * tokens are seen to be individual: the move's other client has another one, and another address.
 */
export function isSame(client: string, now: Pin, pins: NonNullable<MoveRecord['progress']['pins']>): boolean {
  const pinned = pins[client];
  if (pinned?.token !== now.token) return false;
  const others = Object.entries(pins).flatMap(([name, pin]) => (name === client ? [] : [pin]));
  const individual = others.length > 0 && others.every(({ uri, token }) => token !== now.token && uri !== now.uri);
  return now.uri === pinned.uri || individual;
}

/**
 * Why a step may not be taken: the name means another process than when the move began, whose answers would be evidence of
 * nothing (security.md, A9). A client that is not listed at all cannot be asked anyway.
 */
export async function strangerAt(move: MoveRecord, outside: Outside): Promise<string | undefined> {
  const client = ASKED[move.state]?.(move);
  const pinned = client === undefined ? undefined : move.progress.pins?.[client];
  if (client === undefined || pinned === undefined || !move.progress.pins) return undefined;
  const now = await outside.identify(client);
  if (!now || isSame(client, now, move.progress.pins)) return undefined;
  return `${client} is no longer the process it was when the move began`;
}
