import type { Context, Middleware } from 'koa';
import { Agent, request } from 'undici';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { Refusal, readBytes } from './http.js';
import { foreignness } from './same-site.js';

/** A restart answers when the new instance listens. */
const TIMEOUT_MS = 30_000;

/**
 * `/sandbox/*` on the broker's listener: passed on to the sandbox's control API (control.ts), which has the same paths.
 * No credential is needed, so requests from elsewhere are refused (security.md C1). Mount only in the sandbox.
 */
export function sandboxRoutes(sandbox: { readonly controlUri: string }, logger: Logger): Middleware {
  const dispatcher = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  return async (context, next) => {
    if (!context.path.startsWith('/sandbox/')) return next();
    const reason = foreignness(context.headers);
    if (reason) return answer(context, 403, { code: 403, message: reason });
    try {
      const body = await readBytes(context.req);
      const passed = await request(`${sandbox.controlUri}${context.path}${context.search}`, {
        method: context.method as 'GET' | 'POST' | 'PUT',
        body: body.length > 0 ? body : null,
        dispatcher,
      });
      context.status = passed.statusCode;
      context.type = 'application/json';
      context.body = await passed.body.text();
    } catch (thrown) {
      if (thrown instanceof Refusal)
        return answer(context, thrown.status, { code: thrown.status, message: thrown.message });
      logger.warn({ reason: reasonOf(thrown) }, 'sandbox control does not answer');
      answer(context, 503, { code: 503, message: 'the sandbox does not answer' });
    }
  };
}

function answer(context: Context, status: number, body: { readonly code: number; readonly message: string }): void {
  context.status = status;
  context.body = body;
}
