import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;
const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via'];

/**
 * Why a request must not reach the sandbox's controls, which need no credential (security.md C1): it comes from a
 * page elsewhere, through a proxy, or under a name that is not loopback's. `hosts` are further names of the broker.
 */
export function foreignness(headers: IncomingHttpHeaders, hosts: readonly string[] = []): string | undefined {
  const host = headers.host ?? '';
  if (!LOOPBACK.test(host) && !hosts.includes(host)) return 'Host is not a loopback name';
  const proxy = FORWARDING.find((name) => headers[name] !== undefined);
  if (proxy) return `${proxy} is set: the sandbox is not reached through proxies`;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return `Sec-Fetch-Site is ${String(site)}`;
  if (headers.origin !== undefined && headers.origin !== `http://${host}` && headers.origin !== `https://${host}`) {
    return 'Origin is foreign';
  }
  return undefined;
}
