import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'koa';
import { ROOT } from '../../src/paths.js';
import { type Html, html } from './html.js';

/** What the party sees before it proves anything. */
export interface ClaimsPage {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly resources: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** What the form carries on. */
  readonly fields: Readonly<Record<string, string>>;
  readonly signIn: readonly { readonly name: string; readonly index: number }[];
  /** What went wrong last time. */
  readonly problem?: string;
}

export const ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  'claims.js': asset('claims.js', 'text/javascript'),
  'claims.css': asset('claims.css', 'text/css'),
};

function asset(name: string, type: string) {
  return { type, text: readFileSync(join(ROOT, 'authz', 'interaction', name), 'utf8') };
}

/** Sends a page that no other page may frame, script or leak the address of (security.md B7, C2). */
export function sendPage(ctx: Context, status: number, body: Html, formTargets: readonly string[] = []): void {
  ctx.status = status;
  ctx.type = 'text/html; charset=utf-8';
  ctx.set({
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      // Browsers apply form-action to the redirect that answers the form as well.
      `form-action ${["'self'", ...formTargets].join(' ')}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  });
  ctx.body = body.html;
}

export function claimsPage(page: ClaimsPage): Html {
  const main = html`
<h1>Prove who you are</h1>
${page.problem === undefined ? html`` : html`<p class="error" role="alert">${page.problem}</p>`}
<p>The application below asks for access. It learns that you proved the claims; only what you confirm here is proved.</p>
<dl>
  <dt>Application</dt>
  <dd>${page.clientName} <span class="unverified">(unverified client)</span></dd>
  <dt>Client id</dt>
  <dd><code>${page.clientId}</code></dd>
  <dt>You go back to</dt>
  <dd><strong>${placeOf(page.redirectUri)}</strong></dd>
  <dt>Asks for</dt>
  <dd><ul>${page.resources.map(
    ({ name, scopes }) =>
      html`<li><strong>${name}</strong>: ${scopes.length === 0 ? 'access' : scopes.join(', ')}</li>`,
  )}</ul></dd>
</dl>
<form id="claims" method="post" action="${page.issuer}/claims" data-message-url="${page.issuer}/claims/message">
  ${Object.entries(page.fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
  <input type="hidden" name="message" value="">
  <input type="hidden" name="signature" value="">
  <section id="message-part" aria-labelledby="message-title" hidden>
    <h2 id="message-title">The message you sign</h2>
    <pre id="message" tabindex="0"></pre>
  </section>
  <p><input type="checkbox" id="persist" name="persist" value="yes">
    <label for="persist">Remember this proof for ${page.clientName}, so that I need not sign again</label></p>
  <p id="status" role="status" aria-live="polite"></p>
  <noscript><p>Signing with a wallet needs JavaScript.</p></noscript>
  <div class="actions">
    <button type="button" id="connect" hidden>Connect wallet and sign</button>
    ${page.signIn.map(
      ({ name, index }) =>
        html`<button type="submit" name="action" value="sign-in-${String(index)}">Sign in with ${name}</button>`,
    )}
    <button type="submit" name="action" value="refuse">Refuse</button>
    <button type="submit" id="submit" name="action" value="wallet" hidden>Send</button>
  </div>
</form>
<script src="${page.issuer}/claims/claims.js"></script>`;
  return layout(page.issuer, 'Prove who you are', main);
}

/** For a bad client or redirect URI: said here, never sent on. */
export function faultPage(issuer: string, text: string): Html {
  return layout(
    issuer,
    'This request cannot be served',
    html`<h1>This request cannot be served</h1><p role="alert">${text}</p>`,
  );
}

function layout(issuer: string, title: string, main: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="${issuer}/claims/claims.css">
</head>
<body>
<main>${main}</main>
</body>
</html>
`;
}

/** The host, which people can judge; the scheme for an application's own. */
function placeOf(redirectUri: string): string {
  const { host, protocol } = new URL(redirectUri);
  return host === '' ? protocol : host;
}
