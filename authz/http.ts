import { randomUUID } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import getRawBody from 'raw-body';
import { unreachableAnswer } from '../src/http/errors.js';
import type { Logger } from '../src/logger.js';
import { invalidRequest, ProtocolError } from './errors.js';

const BODY_LIMIT_BYTES = 64 * 1024;

/** Turns what a route throws into OAuth's JSON; an unknown throw becomes a blank 500 with a correlation id. */
export function renderErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const unreachable = unreachableAnswer(thrown);
      if (unreachable !== undefined) {
        ctx.set(unreachable.headers);
        ctx.status = unreachable.status;
        ctx.body = { error: 'temporarily_unavailable', error_description: 'the authorization server cannot be asked' };
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
      ctx.body = { error: thrown.error, error_description: thrown.description };
    }
  };
}

/** A JSON body. @throws ProtocolError invalid_request for another type, too many bytes, or malformed text. */
export async function readJson(ctx: Context): Promise<unknown> {
  if (!ctx.is('application/json')) throw invalidRequest('the body must be application/json');
  const text = await readText(ctx);
  try {
    return JSON.parse(text, refuseUnstorable);
  } catch (fault) {
    throw fault instanceof ProtocolError ? fault : invalidRequest('the body is not JSON');
  }
}

/** A form body, each parameter once. @throws ProtocolError invalid_request. */
export async function readForm(ctx: Context): Promise<Readonly<Record<string, string>>> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw invalidRequest('the body must be a form');
  return singleValues(new URLSearchParams(await readText(ctx)));
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

async function readText(ctx: Context): Promise<string> {
  try {
    const length = ctx.request.length;
    return await getRawBody(ctx.req, {
      limit: BODY_LIMIT_BYTES,
      encoding: 'utf8',
      ...(length !== undefined && { length }),
    });
  } catch (fault) {
    const tooLarge = fault instanceof Error && 'type' in fault && fault.type === 'entity.too.large';
    if (tooLarge)
      throw new ProtocolError(413, 'invalid_request', `the body may have ${BODY_LIMIT_BYTES} bytes at most`);
    throw invalidRequest('the body could not be read');
  }
}

/** PostgreSQL stores neither NUL nor lone surrogates. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

function refuseUnstorable(key: string, value: unknown): unknown {
  if (UNSTORABLE.test(key) || (typeof value === 'string' && UNSTORABLE.test(value))) {
    throw invalidRequest('text may hold neither NUL nor lone surrogates');
  }
  return value;
}

/** The last route of a path: whatever no route before it serves. */
export function unsupported(allow: string): Middleware {
  return () => {
    throw new ProtocolError(405, 'unsupported_method_type', `allowed here: ${allow}`, { Allow: allow });
  };
}
