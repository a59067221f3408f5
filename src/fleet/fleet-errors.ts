import { DomainError } from '../errors.js';
import type { GuardCode } from '../http/errors.js';

/** Every refusal the fleet's routes can give. */
export type FleetCode =
  | 'BadRequest'
  | 'BodyTooLarge'
  | 'UnsupportedMediaType'
  | 'NoSuchPlan'
  | 'NoSuchMove'
  | 'NotApprovable'
  | 'TooManyPlans'
  | 'PlanTimeLimit'
  | 'SolverFailed'
  | 'Sealed'
  | GuardCode;

export const FLEET_STATUS = {
  BadRequest: 400,
  BodyTooLarge: 413,
  UnsupportedMediaType: 415,
  NoSuchPlan: 404,
  NoSuchMove: 404,
  NotApprovable: 409,
  TooManyPlans: 503,
  PlanTimeLimit: 503,
  SolverFailed: 503,
  Sealed: 503,
  AuthorizationServerUnreachable: 403,
  TooManyRequests: 429,
} as const satisfies Record<FleetCode, number>;

export function isFleetError(thrown: unknown): thrown is DomainError<FleetCode> {
  return thrown instanceof DomainError && Object.hasOwn(FLEET_STATUS, thrown.code);
}

/** @throws DomainError `BadRequest` naming the fields. */
export function badRequest(faults: readonly string[]): never {
  throw new DomainError<FleetCode>('BadRequest', faults.join('; '), { faults });
}
