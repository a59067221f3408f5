import type { Middleware } from 'koa';
import { OsbError } from '../errors.js';

const HEADER = 'X-Broker-API-Version';
const SERVED = ['2.13', '2.14', '2.15', '2.16', '2.17'];

/** OSB 2.17, API Version Header: missing, empty or unsupported is 412. */
export const apiVersion: Middleware = (ctx, next) => {
  const version = ctx.get(HEADER);
  if (SERVED.includes(version)) return next();
  throw new OsbError('PreconditionFailed', `${HEADER} must be one of ${SERVED.join(', ')}`);
};
