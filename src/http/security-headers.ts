import type { Middleware } from 'koa';

/** No page of ours is framed, sniffed or runs what it did not bring. A feature may set stricter ones, never `*` but /rpc. */
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

export function securityHeaders(overTls: boolean): Middleware {
  return async (ctx, next) => {
    ctx.set(HEADERS);
    if (overTls) ctx.set('Strict-Transport-Security', 'max-age=31536000');
    await next();
  };
}
