import { errors } from 'oidc-provider';
import { DomainError } from '../src/errors.js';
import type { GuardCode } from '../src/http/errors.js';

/** An answer in OAuth's or UMA's words from our own routes. `description` is for the caller and holds no secret. */
export class ProtocolError extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    readonly description: string,
    readonly headers: Readonly<Record<string, string>> = {},
    /** Beside `error` in the body. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(description);
    this.name = 'ProtocolError';
  }
}

export function invalidRequest(description: string): ProtocolError {
  return new ProtocolError(400, 'invalid_request', description);
}

export function notFound(): ProtocolError {
  return new ProtocolError(404, 'not_found', 'no such resource');
}

/** An error of the UMA grant (UMA Grant 3.3.6); `members` stand beside `error` in the body. */
export class UmaGrantError extends errors.OIDCProviderError {
  constructor(
    status: number,
    error:
      | 'need_info'
      | 'request_denied'
      | 'request_submitted'
      | 'invalid_grant'
      | 'invalid_scope'
      | 'invalid_dpop_proof'
      | 'temporarily_unavailable',
    description: string,
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(status, error);
    this.error_description = description;
  }
}

/** UMA Grant 3.3.6: unknown, expired, used, or somebody else's ticket; RFC 6749 5.2 for refresh tokens. */
export function invalidGrant(description: string): UmaGrantError {
  return new UmaGrantError(400, 'invalid_grant', description);
}

/** RFC 6749 4.1.2.1's word: nothing is wrong with the request, and nothing was done. */
export function temporarilyUnavailable(description: string): UmaGrantError {
  const error = new UmaGrantError(503, 'temporarily_unavailable', description);
  // The provider tells nobody what a 5xx is about unless it may.
  error.expose = true;
  return error;
}

export type UnreachableError = DomainError<'AuthorizationServerUnreachable'>;

/** UMA Grant 3.2.2: what a resource server answers with when it cannot get a ticket. */
const UNREACHABLE = {
  status: 403,
  headers: { Warning: '199 - "UMA Authorization Server Unreachable"' },
} as const;

/** 429: the same may be asked again in a second. */
export function tooMany(description: string): ProtocolError {
  return new ProtocolError(429, 'too_many_requests', description, { 'Retry-After': '1' });
}

/** One address asks for more tickets than anybody needs; each is a row. */
export function tooManyTickets(): DomainError<GuardCode> {
  return new DomainError<GuardCode>('TooManyRequests', 'too many tickets were asked for from this address', {
    status: 429,
    headers: { 'Retry-After': '1' },
  });
}

export function unreachable(cause: unknown): UnreachableError {
  const error = new DomainError(
    'AuthorizationServerUnreachable',
    'the authorization server cannot be reached',
    UNREACHABLE,
  );
  error.cause = cause;
  return error;
}
