import type { Middleware } from 'koa';

const HEADER = 'X-Broker-API-Request-Identity';

/** OSB 2.17, Request Identity: whatever the answer, errors included, it carries the request's identity back. */
export const requestIdentity: Middleware = (ctx, next) => {
  const identity = ctx.get(HEADER);
  if (identity !== '') ctx.set(HEADER, identity);
  return next();
};
