/** The broker's errors and their one renderer (Open Service Broker API 2.17, Service Broker Errors). */
import type { Challenge } from '../authz/index.js';
import { DomainError } from '../src/errors.js';
import type { GuardCode } from '../src/http/errors.js';

/** OSB's own codes and plain words for the rest; each is one CamelCase word. */
export type OsbCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'Conflict'
  | 'Gone'
  | 'PreconditionFailed'
  | 'PayloadTooLarge'
  | 'UnsupportedMediaType'
  | 'AsyncRequired'
  | 'ConcurrencyError'
  | 'MaintenanceInfoConflict'
  | 'ServiceUnavailable';

/** What the fleet's door refuses with; the message is written for the staker. */
type FleetCode = 'StakeExceeded' | 'KeyNotControlled' | 'NoCapacity' | 'NoKeys' | 'UnknownImplementation';

/** It cannot be now and can be later. */
type PassingCode = 'Sealed' | 'MoveUnfinished' | 'NotHolder' | 'ServiceUnavailable';

type Code = OsbCode | FleetCode | PassingCode | GuardCode;

export interface ErrorFacts {
  readonly [name: string]: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Only on a failed update or deprovision. */
  readonly instance_usable?: boolean;
  /** Only on a failed update. */
  readonly update_repeatable?: boolean;
}

export class OsbError extends DomainError<OsbCode> {
  constructor(code: OsbCode, description: string, facts: ErrorFacts = {}) {
    super(code, description, facts);
    this.name = 'OsbError';
  }
}

export const badRequest = (description: string) => new OsbError('BadRequest', description);
export const busy = (description: string) =>
  new OsbError('ConcurrencyError', description, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });

/** UMA's 401: a ticket for exactly what was missing (UMA Grant 3.2.1). */
export const challenged = (challenge: Challenge) =>
  new OsbError('Unauthorized', 'a permission is needed: present the ticket of WWW-Authenticate at as_uri', {
    headers: { ...challenge.headers, 'Cache-Control': 'no-store' },
  });

/** How often platforms should ask; an operation's worker looks twice a second. */
export const RETRY_AFTER_SECONDS = '1';

export const STATUS = {
  BadRequest: 400,
  UnknownImplementation: 400,
  Unauthorized: 401,
  Forbidden: 403,
  AuthorizationServerUnreachable: 403,
  StakeExceeded: 403,
  KeyNotControlled: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Conflict: 409,
  Gone: 410,
  PreconditionFailed: 412,
  PayloadTooLarge: 413,
  UnsupportedMediaType: 415,
  AsyncRequired: 422,
  ConcurrencyError: 422,
  MaintenanceInfoConflict: 422,
  NoCapacity: 422,
  NoKeys: 422,
  MoveUnfinished: 422,
  NotHolder: 422,
  TooManyRequests: 429,
  Sealed: 503,
  ServiceUnavailable: 503,
} satisfies Record<Code, number>;

export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly error: string;
    readonly description: string;
    readonly instance_usable?: boolean;
    readonly update_repeatable?: boolean;
    readonly correlation_id?: string;
  };
}

const isCode = (code: string): code is Code => Object.hasOwn(STATUS, code);

/** Whether the thrown is a refusal a caller may read, not a fault of ours. */
function isRefusal(thrown: unknown): thrown is DomainError<Code> {
  return thrown instanceof DomainError && isCode(thrown.code);
}

const PASSING: readonly string[] = [
  'Sealed',
  'MoveUnfinished',
  'NotHolder',
  'ServiceUnavailable',
] satisfies readonly PassingCode[];

/** Whether work in the background ends with this, or is tried again. */
export const isFinalRefusal = (thrown: unknown): thrown is DomainError<Code> =>
  isRefusal(thrown) && !PASSING.includes(thrown.code);

/** Anything thrown, as OSB shows it. What is not a refusal becomes a blank failure; its details go to the log only. */
export function renderError(thrown: unknown, correlationId: string): RenderedError {
  if (!isRefusal(thrown)) {
    return {
      status: 500,
      headers: {},
      body: {
        error: 'InternalError',
        description: `the broker failed; its log has the details under ${correlationId}`,
        correlation_id: correlationId,
      },
    };
  }
  const facts: ErrorFacts = thrown.facts;
  return {
    status: STATUS[thrown.code],
    headers: facts.headers ?? {},
    body: {
      error: thrown.code,
      description: thrown.message,
      ...(facts.instance_usable === undefined ? {} : { instance_usable: facts.instance_usable }),
      ...(facts.update_repeatable === undefined ? {} : { update_repeatable: facts.update_repeatable }),
    },
  };
}
