import type { Wire } from './json-rpc.js';

/** An upstream's answer with its id cut out: the caller's answer is `head + id + tail`. */
export interface UpstreamAnswer {
  readonly head: Wire;
  readonly tail: Wire;
  /** The upstream's error object, when the answer is one. */
  readonly error: { readonly code?: unknown; readonly message?: unknown } | undefined;
}

/** The id of every request we send; each has its own HTTP exchange, so one number serves. */
export const UPSTREAM_ID = 1;

/** geth, erigon, reth, anvil write the id second; Nethermind writes it last. */
const ID_SECOND = `{"jsonrpc":"2.0","id":${UPSTREAM_ID},`;
const ID_LAST_HEAD = '{"jsonrpc":"2.0",';
const ID_LAST_TAIL = `"id":${UPSTREAM_ID}}`;

/** How to cut the id out of an answer that is still arriving. */
export interface StreamShape {
  readonly idPlace: 'second' | 'last';
  /** Bytes at the end that must be seen before they are passed on. */
  readonly heldBack: number;
}

/** Recognises a result from its first bytes; undefined: the whole answer must be read first. */
export function streamShape(start: Wire): StreamShape | undefined {
  if (start.startsWith(`${ID_SECOND}"result":`)) return { idPlace: 'second', heldBack: 0 };
  if (start.startsWith(`${ID_LAST_HEAD}"result":`)) return { idPlace: 'last', heldBack: ID_LAST_TAIL.length };
  return undefined;
}

export const streamHead = (shape: StreamShape, start: Wire, id: Wire): Wire =>
  shape.idPlace === 'second' ? `{"jsonrpc":"2.0","id":${id},${start.slice(ID_SECOND.length)}` : start;

/** The last bytes of a streamed answer; undefined: not what was promised. */
export function streamEnd(shape: StreamShape, held: Wire, id: Wire): Wire | undefined {
  if (shape.idPlace === 'second') return held;
  return held === ID_LAST_TAIL ? `"id":${id}}` : undefined;
}

/** Cuts the id out of a whole answer, byte for byte where the shape is known. undefined: no JSON-RPC answer to us. */
export function splice(body: Wire): UpstreamAnswer | undefined {
  if (body.startsWith(`${ID_SECOND}"result":`) && body.endsWith('}')) {
    return { head: '{"jsonrpc":"2.0","id":', tail: body.slice(ID_SECOND.length - 1), error: undefined };
  }
  if (body.startsWith(`${ID_LAST_HEAD}"result":`) && body.endsWith(`,${ID_LAST_TAIL}`)) {
    return { head: body.slice(0, -2), tail: '}', error: undefined };
  }
  return reread(body);
}

function reread(body: Wire): UpstreamAnswer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const head = '{"jsonrpc":"2.0","id":';
  // Parsed as one-byte chars and written as such: text beyond ASCII passes through unharmed.
  if ('error' in answer && typeof answer.error === 'object' && answer.error !== null) {
    return { head, tail: `,"error":${JSON.stringify(answer.error)}}`, error: answer.error };
  }
  if (!('result' in answer) || !('id' in answer) || answer.id !== UPSTREAM_ID) return undefined;
  return { head, tail: `,"result":${JSON.stringify(answer.result)}}`, error: undefined };
}
