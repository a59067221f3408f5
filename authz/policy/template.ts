import type { Policy } from './policy.js';

/** A policy with a hole for principal and resource, linked by shares.yaml. */
export interface Template {
  readonly id: string;
  readonly policy: Policy;
}
