import type { Context } from 'koa';
import { digestOf, randomSecret, sameSecret } from '../secrets.js';

const COOKIE = 'ovsb_claims';
const SECRET = /^[\w-]{43}$/;

/**
 * Ties a form to the browser that was shown it: a secret in a cookie for these pages alone, and in the form a digest of it
 * with the ticket. Another site can send the form, but knows no cookie's digest.
 */
export function issueCsrf(ctx: Context, issuer: string, ticket: string): string {
  const known = ctx.cookies.get(COOKIE) ?? '';
  const secret = SECRET.test(known) ? known : randomSecret();
  ctx.cookies.set(COOKIE, secret, {
    httpOnly: true,
    sameSite: 'lax',
    path: `${new URL(issuer).pathname}/claims`,
    secure: new URL(issuer).protocol === 'https:',
    overwrite: true,
  });
  return formToken(secret, ticket);
}

export function isOwnForm(ctx: Context, issuer: string, ticket: string, token: string): boolean {
  if (isFromElsewhere(ctx, issuer)) return false;
  const secret = ctx.cookies.get(COOKIE) ?? '';
  return SECRET.test(secret) && sameSecret(token, digestOf(formToken(secret, ticket)));
}

/**
 * What the browser says of the sender. A form of a page without referrer is sent with `Origin: null` (Fetch 3.1), and so is
 * one of a sandboxed frame: `Sec-Fetch-Site` tells them apart where browsers send it; the token decides everywhere.
 */
function isFromElsewhere(ctx: Context, issuer: string): boolean {
  const origin = ctx.get('origin');
  if (origin === 'null') return !['', 'same-origin'].includes(ctx.get('sec-fetch-site'));
  return origin !== '' && origin !== new URL(issuer).origin;
}

function formToken(secret: string, ticket: string): string {
  return digestOf(`${secret} ${ticket}`).toString('base64url');
}
