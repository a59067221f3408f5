import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../src/clock.js';
import { tooMany } from './errors.js';

const ADDRESSES = 10_000;
/** A burst may take this many seconds' worth at once. */
const BURST_SECONDS = 4;

/** A token bucket per client address (of IPv6 a /64), or whatever else one counts by, of the 10,000 that were heard of last. */
export class AddressLimit {
  readonly #buckets = new LRUCache<string, { tokens: number; atMs: number }>({ max: ADDRESSES });

  constructor(
    private readonly clock: Clock,
    readonly perSecond: number,
    private readonly addressOf: (request: IncomingMessage) => string,
  ) {}

  /** False when the request's address has used up what it may; then nothing is taken. */
  take(request: IncomingMessage): boolean {
    return this.takeFor(networkOf(this.addressOf(request)));
  }

  takeFor(address: string): boolean {
    const nowMs = this.clock.nowMs();
    const capacity = this.perSecond * BURST_SECONDS;
    const bucket = this.#buckets.get(address) ?? { tokens: capacity, atMs: nowMs };
    bucket.tokens = Math.min(capacity, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * this.perSecond);
    bucket.atMs = nowMs;
    this.#buckets.set(address, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

/** IPv4 addresses as they are; of IPv6 the first 64 bits, for whoever has one such address has the others of its /64 too (RFC 4291, 2.5.1). */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  const groups = [...head, ...zeros, ...tail].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

/** @throws ProtocolError 429. */
export function rateLimit(limit: AddressLimit): Middleware {
  return (ctx, next) => {
    if (limit.take(ctx.req)) return next();
    throw tooMany(`more than ${limit.perSecond} requests a second`);
  };
}

/** @throws ProtocolError 429: `who` has had what it may. */
export function requireTake(limit: AddressLimit, who: string, what: string): void {
  if (!limit.takeFor(who)) throw tooMany(`more than ${limit.perSecond} ${what} a second`);
}
