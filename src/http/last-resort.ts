import type { Middleware } from 'koa';
import { DomainError, reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { guardAnswer, HTTP_STATUS, isHttpFault } from './errors.js';
import { requestId } from './request-id.js';

/**
 * Catches what no protocol's renderer caught: an answer without details but for the request's id, and the whole in the
 * log. A path nobody serves is a JSON 404.
 */
export function lastResort(logger: Logger): Middleware {
  return async (ctx, next) => {
    const id = requestId(ctx.req);
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined) {
        ctx.status = 404;
        ctx.body = { error: 'not_found', request_id: id };
      }
    } catch (thrown) {
      const guarded = guardAnswer(thrown);
      const status = guarded?.status ?? statusOf(thrown);
      if (guarded !== undefined) ctx.set(guarded.headers);
      if (status >= 500)
        logger.error({ request_id: id, method: ctx.method, path: ctx.path, err: thrown }, 'unexpected failure');
      ctx.status = status;
      ctx.body =
        status < 500
          ? { error: wordOf(thrown), description: reasonOf(thrown), request_id: id }
          : { error: 'internal_error', request_id: id };
      if (status === 413) ctx.set('Connection', 'close');
    }
  };
}

function statusOf(thrown: unknown): number {
  if (isHttpFault(thrown)) return HTTP_STATUS[thrown.code];
  const { status, expose } = thrown as { status?: unknown; expose?: unknown };
  return expose === true && typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function wordOf(thrown: unknown): string {
  return thrown instanceof DomainError ? snake(thrown.code) : 'bad_request';
}

function snake(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
}
