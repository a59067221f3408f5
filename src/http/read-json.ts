import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import { DomainError } from '../errors.js';
import type { HttpCode } from './errors.js';
import { inspectJson } from './inspect-json.js';

const DEEPEST = 64;

/**
 * The request's JSON, read once; undefined when there is no body. UTF-8 only, at most 64 levels, no member twice.
 * @throws DomainError<HttpCode>
 */
export async function readJson(
  carrier: { readonly req: IncomingMessage },
  options: { readonly limitBytes: number },
): Promise<unknown> {
  const { req } = carrier;
  if (req.headers['transfer-encoding'] === undefined && Number(req.headers['content-length'] ?? 0) === 0)
    return undefined;
  const type = req.headers['content-type'] ?? '';
  if (!/^application\/([\w.+-]+\+)?json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw refusal('UnsupportedMediaType', 'the body must be application/json');
  }
  if (![undefined, 'identity'].includes(req.headers['content-encoding'])) {
    throw refusal('UnsupportedMediaType', 'the body must not be compressed');
  }
  return parse(await readBytes(req, options.limitBytes));
}

async function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  try {
    return await getRawBody(request, { limit, length: request.headers['content-length'] ?? null });
  } catch (failure) {
    if ((failure as { type?: string }).type === 'entity.too.large') {
      throw refusal('BodyTooLarge', `the body is larger than ${limit} bytes`, { limit });
    }
    throw refusal('MalformedJson', 'the body ended early');
  }
}

function parse(bytes: Buffer): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw refusal('MalformedJson', 'the body is not JSON in UTF-8');
  }
  const problem = inspectJson(text, DEEPEST);
  if (problem) throw refusal('MalformedJson', `the body ${problem}`);
  return value;
}

function refusal(code: HttpCode, message: string, facts = {}): DomainError<HttpCode> {
  return new DomainError(code, message, facts);
}
