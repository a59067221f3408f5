/** What every UMA client of the command line does: calls in JSON, reads a challenge, finds the token endpoint. */
import { DomainError } from '../errors.js';

export const UMA_GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket';
const CALL_TIMEOUT_MS = 30_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** @throws DomainError `Unreachable` when nothing answers there. */
export async function fetchJson(url: string, init: RequestInit = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  } catch (cause) {
    throw new DomainError('Unreachable', `no answer from ${new URL(url).origin}; is the broker running (npm start)?`, {
      cause,
    });
  }
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parseObject(text) };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : { value: parsed };
  } catch {
    return { description: text.slice(0, 200) };
  }
}

/** One call to the broker, with the RPT if there is one. */
export function callBroker(
  baseUrl: string,
  rpt: string | undefined,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: unknown },
): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json', 'x-broker-api-version': '2.17' };
  if (rpt !== undefined) headers.authorization = `Bearer ${rpt}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  return fetchJson(`${baseUrl}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** The challenge of a 401 (UMA Grant 3.2.1); undefined when the answer is none. */
export function umaChallenge({ status, headers }: Answer): { asUri: string; ticket: string } | undefined {
  const header = headers.get('www-authenticate') ?? '';
  if (status !== 401 || !/(^|,\s*)UMA\s/i.test(header)) return undefined;
  const asUri = /as_uri="([^"]+)"/.exec(header)?.[1];
  const ticket = /ticket="([^"]+)"/.exec(header)?.[1];
  return asUri !== undefined && ticket !== undefined ? { asUri, ticket } : undefined;
}

/**
 * Where claims and secrets may be sent: the broker's own authorization server and nobody else's.
 * @throws DomainError `ForeignIssuer`, `NoDiscovery`.
 */
export async function tokenEndpoint(baseUrl: string, issuer: string): Promise<string> {
  requireOwn(baseUrl, issuer, 'authorization server');
  const discovery = await fetchJson(`${issuer}/.well-known/uma2-configuration`);
  const endpoint = discovery.body.token_endpoint;
  if (discovery.status !== 200 || typeof endpoint !== 'string')
    throw new DomainError('NoDiscovery', `${issuer} serves no uma2-configuration`);
  requireOwn(baseUrl, endpoint, 'token endpoint');
  return endpoint;
}

function requireOwn(baseUrl: string, url: string, what: string): void {
  if (URL.canParse(url) && new URL(url).origin === new URL(baseUrl).origin) return;
  throw new DomainError('ForeignIssuer', `the broker at ${baseUrl} names a foreign ${what}: ${url.slice(0, 200)}`);
}

/** @throws DomainError `NoToken`. */
export function accessTokenOf(body: Record<string, unknown>): string {
  const { access_token: token } = body;
  if (typeof token !== 'string')
    throw new DomainError('NoToken', 'the token endpoint answered without an access token');
  return token;
}
