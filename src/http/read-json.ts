import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import { DomainError } from '../errors.js';
import type { HttpCode } from './errors.js';
import { inspectJson } from './inspect-json.js';

/** What one request may bring, everywhere but at the RPC gateway (broker.md, Fixed here). */
const MAX_BODY_BYTES = 64 * 1024;
/** Deeper values are nobody's parameters; the limit keeps every later walk of the body short. */
const MAX_DEPTH = 32;

/**
 * The request's JSON, read once; undefined when the body is empty. UTF-8 without compression only; no member twice, no
 * text that PostgreSQL cannot store.
 * @throws DomainError<HttpCode>; each protocol renders it in its own words.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readText(request);
  if (text === '') return undefined;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type))
    throw refusal('UnsupportedMediaType', 'the body must be application/json');
  return parse(text);
}

/** The request's body as text, read once. @throws DomainError<HttpCode> */
export async function readText(request: IncomingMessage): Promise<string> {
  if (![undefined, 'identity'].includes(request.headers['content-encoding']))
    throw refusal('UnsupportedMediaType', 'the body must not be compressed');
  const bytes = await readBytes(request);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refusal('BadRequest', 'the body is not UTF-8');
  }
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  try {
    return await getRawBody(request, { limit: MAX_BODY_BYTES, length: request.headers['content-length'] ?? null });
  } catch (failure) {
    if ((failure as { type?: string }).type === 'entity.too.large')
      throw refusal('BodyTooLarge', `the body must be at most ${MAX_BODY_BYTES} bytes`, { limit: MAX_BODY_BYTES });
    throw refusal('BadRequest', 'the body ended early');
  }
}

function parse(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refusal('BadRequest', 'the body is not JSON');
  }
  const problem = inspectJson(text, MAX_DEPTH);
  if (problem) throw refusal('BadRequest', `the body ${problem}`);
  return value;
}

function refusal(code: HttpCode, message: string, facts = {}): DomainError<HttpCode> {
  return new DomainError(code, message, facts);
}
