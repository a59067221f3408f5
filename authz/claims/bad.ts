import type { VerifiedClaims } from '../policy/types.js';

export type BadClaims = Extract<VerifiedClaims, { kind: 'bad' }>;

/** A claim token refused; `description` goes to the requesting party. */
export function bad(problem: BadClaims['problem'], description: string): BadClaims {
  return { kind: 'bad', problem, description };
}

export function isBad(value: object): value is BadClaims {
  return 'kind' in value && value.kind === 'bad';
}
