import { isUtf8 } from 'node:buffer';
import type { RpcId } from './json-rpc.js';
import { outlineOf } from './outline.js';

export interface RpcRequest {
  readonly kind: 'request';
  /** Absent in the message: a notification, which gets no answer. */
  readonly notification: boolean;
  readonly id: RpcId;
  readonly method: string;
  readonly params: object | undefined;
}

interface InvalidRequest {
  readonly kind: 'invalid';
  readonly id: RpcId;
  readonly reason: string;
}

export type RpcElement = RpcRequest | InvalidRequest;

export type RpcMessage =
  /** Not JSON: HTTP 400, −32700. */
  | { readonly kind: 'unreadable' }
  /** Refused whole with one −32600, id null. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'single'; readonly element: RpcElement }
  | { readonly kind: 'batch'; readonly elements: readonly RpcElement[] };

/** Deeper nesting than any Ethereum method's parameters need; JSON.stringify recurses. */
const DEEPEST = 64;

/** Reads one HTTP body or WebSocket frame: UTF-8, JSON, then the strict shape of JSON-RPC 2.0. Never throws. */
export function readMessage(bytes: Buffer, maxBatch: number): RpcMessage {
  if (!isUtf8(bytes)) return { kind: 'unreadable' };
  const text = bytes.toString('utf8');
  const outline = outlineOf(text);
  if (outline.depth > DEEPEST) return { kind: 'refused', reason: `nested deeper than ${DEEPEST} levels` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'unreadable' };
  }
  if (!Array.isArray(value)) return { kind: 'single', element: readElement(value, outline.keysWritten[0]) };
  if (value.length === 0) return { kind: 'refused', reason: 'an empty batch' };
  if (value.length > maxBatch) return { kind: 'refused', reason: `a batch of more than ${maxBatch} elements` };
  return { kind: 'batch', elements: value.map((each, index) => readElement(each, outline.keysWritten[index])) };
}

function readElement(value: unknown, keysWritten: number | undefined): RpcElement {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'invalid', id: null, reason: 'a request is a JSON object' };
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const notification = !fields.has('id');
  const readId = notification ? null : readRequestId(fields.get('id'));
  const id = readId ?? null;
  const invalid = (reason: string): InvalidRequest => ({ kind: 'invalid', id, reason });
  if (readId === undefined) return invalid('id must be a string, a number within 2^53, or null');
  for (const key of fields.keys()) {
    if (key !== 'jsonrpc' && key !== 'id' && key !== 'method' && key !== 'params') {
      return invalid('only jsonrpc, id, method and params are allowed');
    }
  }
  if (fields.size !== keysWritten) return invalid('a key is written twice');
  if (fields.get('jsonrpc') !== '2.0') return invalid('jsonrpc must be "2.0"');
  const method = fields.get('method');
  if (typeof method !== 'string' || method === '') return invalid('method must be a string');
  const params = fields.get('params');
  if (fields.has('params') && (typeof params !== 'object' || params === null)) {
    return invalid('params must be an array or an object');
  }
  return { kind: 'request', notification, id, method, params: params as object | undefined };
}

/** undefined: not an id. Beyond 2^53 two numbers read as one, so the caller could not match its answer. */
function readRequestId(id: unknown): RpcId | undefined {
  if (id === null || typeof id === 'string') return id;
  return typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER ? id : undefined;
}
