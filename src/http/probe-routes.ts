import { createHash, timingSafeEqual } from 'node:crypto';
import Router from '@koa/router';
import type { Registry } from 'prom-client';
import { reasonOf } from '../errors.js';

/** One thing without which the broker should get no traffic. */
export interface ReadinessCheck {
  readonly name: string;
  /** Why not; undefined: ready. A throw is a reason too. */
  check(): string | undefined | Promise<string | undefined>;
}

/** Something refused while the last good one serves on: the broker is ready, and its operator should know. */
export interface ReadinessWarning {
  readonly name: string;
  /** Each with its place; empty: nothing to say. */
  faults(): readonly string[];
}

export interface ProbeDependencies {
  readonly checks: readonly ReadinessCheck[];
  readonly warnings?: readonly ReadinessWarning[];
  readonly registry: Registry;
  /** `open`, `absent`, or the bearer token that opens it (C6). */
  readonly metrics: 'open' | 'absent' | { readonly token: string };
}

/** GET /livez, /readyz and /metrics. */
export function probeRoutes({ checks, warnings = [], registry, metrics }: ProbeDependencies): Router {
  const router = new Router();
  router.get('/livez', (ctx) => {
    ctx.body = { live: true };
  });
  router.get('/readyz', async (ctx) => {
    const reasons = (await Promise.all(checks.map(outcome))).filter(({ reason }) => reason !== undefined);
    ctx.status = reasons.length === 0 ? 200 : 503;
    const said = warnings.flatMap(({ name, faults }) => faults().map((reason) => ({ name, reason })));
    ctx.body = { ready: reasons.length === 0, reasons, warnings: said };
  });
  router.get('/metrics', async (ctx) => {
    if (metrics === 'absent') return;
    if (metrics !== 'open' && !carries(ctx.get('Authorization'), metrics.token)) {
      ctx.status = 401;
      ctx.set('WWW-Authenticate', 'Bearer');
      ctx.body = { error: 'unauthorized' };
      return;
    }
    ctx.type = registry.contentType;
    ctx.body = await registry.metrics();
  });
  return router;
}

async function outcome({ name, check }: ReadinessCheck): Promise<{ name: string; reason: string | undefined }> {
  try {
    return { name, reason: await check() };
  } catch (failure) {
    return { name, reason: reasonOf(failure) };
  }
}

function carries(header: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header), digest(`Bearer ${token}`));
}
