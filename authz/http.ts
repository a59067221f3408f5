import { randomUUID } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { reasonOf } from '../src/errors.js';
import { guardAnswer, isHttpFault } from '../src/http/errors.js';
import { readJson as readJsonBody, readText as readTextBody } from '../src/http/read-json.js';
import type { Logger } from '../src/logger.js';
import { invalidRequest, ProtocolError } from './errors.js';

/** Turns what a route throws into OAuth's JSON; an unknown throw becomes a blank 500 with a correlation id. */
export function renderErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const guarded = guardAnswer(thrown);
      if (guarded !== undefined) {
        ctx.set(guarded.headers);
        ctx.status = guarded.status;
        const error = guarded.status === 429 ? 'too_many_requests' : 'temporarily_unavailable';
        ctx.body = { error, error_description: reasonOf(thrown) };
        return;
      }
      if (!(thrown instanceof ProtocolError)) {
        const correlationId = randomUUID();
        logger.error({ err: thrown, correlationId, path: ctx.path }, 'authorization server failed');
        ctx.status = 500;
        ctx.body = { error: 'server_error', error_description: `internal failure ${correlationId}` };
        return;
      }
      ctx.set(thrown.headers);
      ctx.status = thrown.status;
      ctx.body = { error: thrown.error, error_description: thrown.description, ...thrown.members };
    }
  };
}

/** A JSON body. @throws ProtocolError invalid_request for another type, too many bytes, or malformed text. */
export async function readJson(ctx: Context): Promise<unknown> {
  const body = await inOAuthsWords(() => readJsonBody(ctx.req));
  if (body === undefined) throw invalidRequest('the body must be application/json');
  return body;
}

/** A form body, each parameter once. @throws ProtocolError invalid_request. */
export async function readForm(ctx: Context): Promise<Readonly<Record<string, string>>> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw invalidRequest('the body must be a form');
  return singleValues(new URLSearchParams(await readText(ctx)));
}

/** The body as text. @throws ProtocolError invalid_request for too many bytes or text that is not UTF-8. */
export function readText(ctx: Context): Promise<string> {
  return inOAuthsWords(() => readTextBody(ctx.req));
}

async function inOAuthsWords<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (fault) {
    if (!isHttpFault(fault)) throw fault;
    throw new ProtocolError(fault.code === 'BodyTooLarge' ? 413 : 400, 'invalid_request', fault.message);
  }
}

/** Each parameter at most once (RFC 6749 3.2). */
export function singleValues(parameters: URLSearchParams): Readonly<Record<string, string>> {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of parameters) {
    if (name in values) throw invalidRequest('a parameter is repeated');
    values[name] = value;
  }
  return values;
}

/** The last route of a path: whatever no route before it serves. */
export function unsupported(allow: string): Middleware {
  return () => {
    throw new ProtocolError(405, 'unsupported_method_type', `allowed here: ${allow}`, { Allow: allow });
  };
}
