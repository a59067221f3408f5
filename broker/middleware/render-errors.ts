import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import { reasonOf } from '../../src/errors.js';
import type { Logger } from '../../src/logger.js';
import { renderError } from '../errors.js';

/** Everything thrown further in becomes an OSB error body; a fault of ours is logged under its correlation id. */
export function renderErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const correlationId = randomUUID();
      const { status, headers, body } = renderError(thrown, correlationId);
      if (status >= 500)
        logger.error(
          {
            correlationId,
            method: ctx.method,
            reason: reasonOf(thrown),
            stack: thrown instanceof Error ? thrown.stack : '',
          },
          'request failed',
        );
      ctx.status = status;
      ctx.set(headers);
      ctx.body = body;
    }
  };
}
