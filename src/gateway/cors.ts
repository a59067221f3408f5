import type { Endpoint } from './endpoint-store.js';

export type HeaderList = readonly string[];

const EXPOSED = ['access-control-expose-headers', 'WWW-Authenticate, Retry-After'];
const ANY: HeaderList = ['access-control-allow-origin', '*', ...EXPOSED];
const NONE: HeaderList = ['vary', 'Origin'];

/** Whether a page of this origin may use the endpoint; a program that sends no Origin is no page. */
export function originAllowed(endpoint: Endpoint | undefined, origin: string | undefined): boolean {
  return origin === undefined || endpoint?.allowedOrigins === undefined || endpoint.allowedOrigins.has(origin);
}

/** CORS headers of any answer, a refusal too. Any origin unless the binding lists some; credentials never. */
export function corsHeaders(endpoint: Endpoint | undefined, origin: string | undefined): HeaderList {
  if (endpoint?.allowedOrigins === undefined) return ANY;
  if (origin === undefined || !endpoint.allowedOrigins.has(origin)) return NONE;
  return ['access-control-allow-origin', origin, 'vary', 'Origin', ...EXPOSED];
}

/** What a preflight is told beside `corsHeaders`. */
export const PREFLIGHT: HeaderList = [
  'access-control-allow-methods',
  'POST',
  'access-control-allow-headers',
  'Authorization, Content-Type, DPoP',
  'access-control-max-age',
  '600',
];
