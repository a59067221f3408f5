import type { IncomingMessage } from 'node:http';

/** Longer than any RPT of ours; a longer header is garbage. */
const LONGEST = 16_384;

/** Query names under which programs put tokens; a URL ends up in logs, so a token there is no credential. */
const TOKEN_NAMES = /token|auth|bearer|rpt|jwt|api[-_]?key|secret/i;

/** The token of `Authorization: Bearer` or `DPoP`; undefined for none, garbage, or a token in the URL. */
export function presentedToken(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > LONGEST) return undefined;
  const query = request.url?.indexOf('?') ?? -1;
  if (query !== -1 && TOKEN_NAMES.test(decodedQuery(request.url?.slice(query + 1) ?? ''))) return undefined;
  return /^(?:bearer|dpop) +([\w\-.~+/]+=*)$/i.exec(header)?.[1];
}

function decodedQuery(query: string): string {
  return [...new URLSearchParams(query).keys()].join('&');
}
