import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../src/clock.js';
import { ProtocolError } from './errors.js';

const ADDRESSES = 10_000;
/** A burst may take this many seconds' worth at once. */
const BURST_SECONDS = 4;

/** A token bucket per client address. @throws ProtocolError 429. */
export function rateLimit(
  clock: Clock,
  requestsPerSecond: number,
  addressOf: (request: IncomingMessage) => string,
): Middleware {
  const capacity = requestsPerSecond * BURST_SECONDS;
  const buckets = new LRUCache<string, { tokens: number; atMs: number }>({ max: ADDRESSES });
  return async (ctx, next) => {
    const nowMs = clock.nowMs();
    const address = addressOf(ctx.req);
    const bucket = buckets.get(address) ?? { tokens: capacity, atMs: nowMs };
    bucket.tokens = Math.min(capacity, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * requestsPerSecond);
    bucket.atMs = nowMs;
    buckets.set(address, bucket);
    if (bucket.tokens < 1) {
      throw new ProtocolError(429, 'too_many_requests', `more than ${requestsPerSecond} requests a second`, {
        'Retry-After': '1',
      });
    }
    bucket.tokens -= 1;
    await next();
  };
}
