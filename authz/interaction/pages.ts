import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'koa';
import { type Html, html } from '../../src/http/html.js';
import { ROOT } from '../../src/paths.js';

/** What the party sees before it proves anything. */
export interface ClaimsPage {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly resources: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** Parties already proved in this chain of tickets; what is proved next joins them. */
  readonly proved: readonly string[];
  /** Why: what the policies lack, each list one way to satisfy them. */
  readonly needed: readonly (readonly string[])[];
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
${page.problem === undefined ? html`` : html`<p class="error" role="alert" tabindex="-1" autofocus>${page.problem}</p>`}
<p class="lead"><strong>${page.clientName}</strong> asks for access on your behalf. Read what it asks for, then prove who you are or refuse.</p>
<section class="card" aria-labelledby="asked">
  <h2 id="asked">What is asked</h2>
  <ul class="asked">${page.resources.map(
    ({ name, scopes }) => html`
    <li><strong>${name}</strong> ${
      scopes.length === 0
        ? html`<span class="scope">access</span>`
        : scopes.map((scope) => html`<code class="scope">${scope}</code> `)
    }</li>`,
  )}
  </ul>
  ${whyOf(page.needed)}${provedBefore(page.proved)}
</section>
<section class="card" aria-labelledby="asker">
  <h2 id="asker">Who asks</h2>
  <dl>
    <dt>Application</dt>
    <dd>${page.clientName} <span class="unverified">unverified client</span></dd>
    <dt>You go back to</dt>
    <dd><strong>${placeOf(page.redirectUri)}</strong></dd>
    <dt>Client id</dt>
    <dd><code>${page.clientId}</code></dd>
  </dl>
  <p class="note">The application chose its own name. Go on only if you came here from <strong>${placeOf(page.redirectUri)}</strong>.</p>
</section>
<form id="claims" class="card" method="post" action="${page.issuer}/claims" data-message-url="${page.issuer}/claims/message" aria-labelledby="proof">
  <h2 id="proof">Your proof</h2>
  ${Object.entries(page.fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
  <input type="hidden" name="message" value="">
  <input type="hidden" name="signature" value="">
  <p>Signing is free: it sends no transaction and moves no funds.</p>
  <p class="choice"><input type="checkbox" id="persist" name="persist" value="yes">
    <label for="persist">Remember this proof for ${page.clientName}, so that I need not sign again</label></p>
  <section id="message-part" aria-labelledby="message-title" hidden>
    <h3 id="message-title">The message you sign</h3>
    <pre id="message" tabindex="0" role="region" aria-labelledby="message-title"></pre>
  </section>
  <p id="status" role="status"></p>
  <noscript><p class="error">Signing with a wallet needs JavaScript.</p></noscript>
  <div class="actions">
    <button type="button" id="connect" class="primary" hidden>Connect wallet and sign</button>
    ${page.signIn.map(
      ({ name, index }) =>
        html`<button type="submit" name="action" value="sign-in-${String(index)}">Sign in with ${name}</button>`,
    )}
    <button type="submit" name="action" value="refuse">Refuse</button>
    <button type="submit" id="submit" name="action" value="wallet" hidden>Send</button>
  </div>
</form>
<script src="${page.issuer}/claims/claims.js"></script>`;
  return layout(
    page.issuer,
    page.problem === undefined ? 'Prove who you are' : 'Not accepted: prove who you are',
    main,
  );
}

/** Why: what the policies lack, each alternative a line. */
function whyOf(needed: ClaimsPage['needed']): Html {
  const [first, ...others] = needed;
  if (first === undefined) return html``;
  if (others.length === 0)
    return html`<p>The policies of this server need: <strong>${first.join(' and ')}</strong>.</p>`;
  return html`<p id="needed">The policies of this server need one of these:</p>
  <ul aria-labelledby="needed">${needed.map((claims) => html`<li>${claims.join(' and ')}</li>`)}</ul>`;
}

/** Whoever proves the next thing must know with whom it is joined. */
function provedBefore(parties: readonly string[]): Html {
  if (parties.length === 0) return html``;
  return html`<p>Proved for this request before: <strong>${parties.join(' and ')}</strong>. What you prove now is joined with it: go on only if that is you too.</p>`;
}

/** For a bad client or redirect URI: said here, never sent on. */
export function faultPage(issuer: string, text: string): Html {
  return layout(
    issuer,
    'This request cannot be served',
    html`<h1>This request cannot be served</h1>
<p class="error" role="alert">${text}</p>
<p>Nothing was proved and nothing was passed on. Go back to the application and start again; if it happens again, tell whoever runs the application.</p>`,
  );
}

function layout(issuer: string, title: string, main: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${issuer}/claims/claims.css">
</head>
<body>
<header><p><strong>Authorization server</strong> <span>${new URL(issuer).host}</span></p></header>
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
