import Router from '@koa/router';
import type { Context } from 'koa';
import type { Logger } from '../src/logger.js';
import { compileSchema, problems } from '../src/validate.js';
import type { Guard } from './contract.js';
import { invalidRequest, ProtocolError } from './errors.js';
import { readJson } from './http.js';
import type { SigningKeys } from './signing-key.js';

export const isRotation = compileSchema<{ leaked?: boolean }>({
  type: 'object',
  additionalProperties: false,
  properties: { leaked: { type: 'boolean' } },
});

export interface KeyRouteParts {
  readonly keys: SigningKeys;
  readonly guard: Guard;
  /** The resource whose scope `rotate` opens this; by default policies only the operator passes. */
  readonly resourceId: () => string;
  readonly logger: Logger;
}

/** POST /keys/rotate: RPTs are signed with a new key from now on. */
export function keyRoutes(parts: KeyRouteParts): Router {
  const router = new Router();
  router.post('/keys/rotate', async (ctx) => {
    const by = await requireRotate(parts, ctx);
    const { leaked = false } = await readRotation(ctx);
    const kid = leaked ? await parts.keys.replaceLeaked() : await parts.keys.rotate();
    parts.logger.warn({ kid, leaked, by }, 'signing keys rotated');
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { kid };
  });
  return router;
}

async function requireRotate({ guard, resourceId }: KeyRouteParts, ctx: Context): Promise<string> {
  const outcome = await guard.check(ctx.req, [{ resourceId: resourceId(), scopes: ['rotate'] }]);
  if (outcome.kind === 'granted') return outcome.subject.party;
  if (outcome.kind === 'denied') throw new ProtocolError(403, 'access_denied', outcome.decision.reason);
  const { headers } = outcome.challenge;
  throw new ProtocolError(401, 'unauthorized', 'an RPT for this resource is needed', headers);
}

/** An optional JSON body `{leaked}`. */
async function readRotation(ctx: Context): Promise<{ leaked?: boolean }> {
  if (!ctx.request.length && ctx.get('transfer-encoding') === '') return {};
  const body = await readJson(ctx);
  if (!isRotation(body)) throw invalidRequest(problems(isRotation.errors).join('; '));
  return body;
}
