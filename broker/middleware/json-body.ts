import type { IncomingMessage } from 'node:http';
import { isHttpFault } from '../../src/http/errors.js';
import { readJson } from '../../src/http/read-json.js';
import { badRequest, OsbError } from '../errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The request's JSON object.
 * @throws OsbError `PayloadTooLarge`, `UnsupportedMediaType`, or `BadRequest` for what is not a JSON object.
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const value = await inOsbWords(() => readJson(request));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body must be a JSON object');
  return value as JsonObject;
}

async function inOsbWords<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (fault) {
    if (!isHttpFault(fault)) throw fault;
    throw new OsbError(fault.code === 'BodyTooLarge' ? 'PayloadTooLarge' : fault.code, fault.message);
  }
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
