/** JSON-RPC 2.0 on the wire (jsonrpc.org/specification), with the codes of gateway.md, "Answers, exactly". */

/** A request's id as JSON-RPC allows it; numbers are safe integers or fractions below 2^53. */
export type RpcId = string | number | null;

/**
 * Text whose every char is one byte of UTF-8 ("latin1 of UTF-8"), so that an upstream's bytes pass through unchanged
 * and head, id and rest are joined without decoding. Written out with the encoding `latin1`.
 */
export type Wire = string;

export const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  unauthorized: -32001,
  tooLarge: -32003,
  limited: -32005,
} as const;

export type RpcErrorName = keyof typeof RPC_CODES;

/** Bytes of any text as Wire. */
export function toWire(text: string): Wire {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is its own wire form
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

export const idToWire = (id: RpcId): Wire => (typeof id === 'string' ? toWire(JSON.stringify(id)) : String(id));

/** A whole error answer. `message` is ours, never an upstream's or an exception's. */
export function errorAnswer(id: RpcId, name: RpcErrorName, message: string, data?: unknown): Wire {
  const error = { code: RPC_CODES[name], message, ...(data === undefined ? {} : { data }) };
  return `{"jsonrpc":"2.0","id":${idToWire(id)},"error":${toWire(JSON.stringify(error))}}`;
}

/** A whole result answer of a value made here. */
export function resultAnswer(id: RpcId, result: unknown): Wire {
  return `{"jsonrpc":"2.0","id":${idToWire(id)},"result":${toWire(JSON.stringify(result))}}`;
}
