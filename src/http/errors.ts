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

/** UMA Grant 3.2.2: what a resource server answers with when its authorization server cannot be asked. */
export interface UnreachableAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The answer that the guard's `AuthorizationServerUnreachable` carries; undefined for anything else thrown. */
export function unreachableAnswer(thrown: unknown): UnreachableAnswer | undefined {
  if (!(thrown instanceof DomainError) || thrown.code !== 'AuthorizationServerUnreachable') return undefined;
  return thrown.facts as unknown as UnreachableAnswer;
}
