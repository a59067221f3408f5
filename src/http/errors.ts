import { DomainError } from '../errors.js';

/** What can be wrong with a request before any feature looks at it. */
export type HttpCode = 'BodyTooLarge' | 'UnsupportedMediaType' | 'BadRequest';

/** For renderers of protocols that have no words of their own for these. */
export const HTTP_STATUS = {
  BodyTooLarge: 413,
  UnsupportedMediaType: 415,
  BadRequest: 400,
} satisfies Record<HttpCode, number>;

/** A fault of the body, which each protocol says in its own words; false for anything else thrown. */
export function isHttpFault(thrown: unknown): thrown is DomainError<HttpCode> {
  return thrown instanceof DomainError && Object.hasOwn(HTTP_STATUS, thrown.code);
}

/** What a resource server answers with when its guard throws: 403 when it could not ask (UMA Grant 3.2.2), 429 when asked too often. */
export interface GuardAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the guard can throw. */
export type GuardCode = 'AuthorizationServerUnreachable' | 'TooManyRequests';

const GUARD_CODES: readonly string[] = ['AuthorizationServerUnreachable', 'TooManyRequests'] satisfies GuardCode[];

/** The answer that the guard's own errors carry; undefined for anything else thrown. */
export function guardAnswer(thrown: unknown): GuardAnswer | undefined {
  if (!(thrown instanceof DomainError) || !GUARD_CODES.includes(thrown.code)) return undefined;
  return thrown.facts as unknown as GuardAnswer;
}
