import type { IncomingMessage } from 'node:http';
import rawBody from 'raw-body';
import { badRequest, OsbError } from '../errors.js';

/** Bodies are at most 64 kB (broker.md, Fixed here). */
const MAX_BYTES = 64 * 1024;
/** Deeper values are nobody's parameters; the limit keeps every later walk of the body short. */
const MAX_DEPTH = 32;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The request's JSON object.
 * @throws OsbError `PayloadTooLarge`, `UnsupportedMediaType`, or `BadRequest` for what is not a JSON object.
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) throw badRequest('body must be a JSON object');
  requireJson(request);
  return parse(bytes);
}

/** The same, but whatever cannot be read is no body: for requests that carry no credential. */
export async function peekJsonBody(request: IncomingMessage): Promise<JsonObject> {
  try {
    return await readJsonBody(request);
  } catch (error) {
    if (error instanceof OsbError) return {};
    throw error;
  }
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  try {
    return await rawBody(request, { limit: MAX_BYTES, length: request.headers['content-length'] ?? null });
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') throw new OsbError('PayloadTooLarge', `body must be at most ${MAX_BYTES} bytes`);
    if (type === 'request.aborted' || type === 'request.size.invalid') throw badRequest('body ended early');
    throw error;
  }
}

function requireJson(request: IncomingMessage): void {
  const type = (request.headers['content-type'] ?? '').toLowerCase();
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/.test(type);
  if (!isJson || request.headers['content-encoding'] !== undefined)
    throw new OsbError('UnsupportedMediaType', 'Content-Type must be application/json in UTF-8, without an encoding');
}

function parse(bytes: Buffer): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badRequest('body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('body must be a JSON object');
  requireStorable(value);
  return value as JsonObject;
}

/** PostgreSQL stores neither U+0000 nor lone surrogates; refused here, named, rather than failing there. */
function requireStorable(root: object): void {
  const pending: { value: unknown; name: string; depth: number }[] = [{ value: root, name: '', depth: 1 }];
  for (let item = pending.pop(); item; item = pending.pop()) {
    const { value, name, depth } = item;
    if (typeof value === 'string' && !isStorable(value)) throw badRequest(`${name} holds characters that are not text`);
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DEPTH) throw badRequest(`${name} is nested deeper than ${MAX_DEPTH}`);
    for (const [key, inner] of Object.entries(value)) {
      if (!isStorable(key)) throw badRequest(`${name || 'body'} has a field name that is not text`);
      pending.push({ value: inner, name: name === '' ? key : `${name}.${key}`, depth: depth + 1 });
    }
  }
}

/** No U+0000 and no lone surrogate. */
export const isStorable = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text);
