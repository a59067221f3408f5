import type { IncomingMessage } from 'node:http';
import rawBody from 'raw-body';
import { DomainError } from '../errors.js';
import { badRequest } from './fleet-errors.js';

const MOST_BYTES = 64 * 1024;

/** The body as JSON; an empty one is `{}`. @throws DomainError `BodyTooLarge`, `UnsupportedMediaType`, `BadRequest`. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > MOST_BYTES) throw tooLarge();
  let text: string;
  try {
    text = await rawBody(request, { limit: MOST_BYTES, encoding: 'utf8' });
  } catch (thrown) {
    if ((thrown as { type?: unknown }).type === 'entity.too.large') throw tooLarge();
    throw new DomainError('BadRequest', 'the body could not be read');
  }
  if (text.trim() === '') return {};
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new DomainError('UnsupportedMediaType', 'the body must be application/json');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return badRequest(['body is not JSON']);
  }
}

function tooLarge(): DomainError {
  return new DomainError('BodyTooLarge', `the body is longer than ${MOST_BYTES} bytes`);
}
