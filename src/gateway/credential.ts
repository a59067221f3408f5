import type { IncomingMessage } from 'node:http';

/** Longer than any RPT of ours; a longer header is garbage. */
const LONGEST = 16_384;

/** Query names under which programs put tokens; a URL ends up in logs, so a token there is no credential. */
const TOKEN_NAMES = /token|auth|bearer|rpt|jwt|api[-_]?key|secret/i;

export interface Credential {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly token: string;
}

/** What `Authorization` carries; undefined for none, garbage, or a token in the URL. */
export function presentedCredential(request: IncomingMessage): Credential | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > LONGEST) return undefined;
  const query = request.url?.indexOf('?') ?? -1;
  if (query !== -1 && TOKEN_NAMES.test(decodedQuery(request.url?.slice(query + 1) ?? ''))) return undefined;
  const match = /^(bearer|dpop) +([\w\-.~+/]+=*)$/i.exec(header);
  if (match?.[2] === undefined) return undefined;
  return { scheme: match[1]?.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token: match[2] };
}

function decodedQuery(query: string): string {
  return [...new URLSearchParams(query).keys()].join('&');
}
