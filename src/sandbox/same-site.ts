import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;
const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via'];

/**
 * Why a request must not reach the sandbox's controls, which need no credential (security.md C1): it came through a
 * proxy or from a page elsewhere. Undefined when nothing speaks against it.
 */
export function foreignness(headers: IncomingHttpHeaders): string | undefined {
  const proxy = FORWARDING.find((name) => headers[name] !== undefined);
  if (proxy) return `${proxy} is set: the sandbox is not reached through proxies`;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return `Sec-Fetch-Site is ${String(site)}`;
  const { host, origin } = headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return 'Origin is foreign';
  return undefined;
}

/** Under another name a page could reach a loopback port by rebinding. */
export function isLoopbackName(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK.test(host);
}
