import { compileSchema, problems } from '../validate.js';
import { badRequest } from './fleet-errors.js';
import type { MoveState } from './moves/index.js';
import type { WhatIf } from './plans/propose-plan.js';
import { targetFaults, targetOf } from './targets/load-targets.js';
import { TARGET_SCHEMA, type TargetDocument } from './targets/targets-schema.js';

interface PlanRequest {
  what_if?: { targets?: TargetDocument[]; budget?: number };
}

export const isPlanRequest = compileSchema<PlanRequest>({
  type: 'object',
  additionalProperties: false,
  properties: {
    what_if: {
      type: 'object',
      additionalProperties: false,
      properties: {
        targets: { type: 'array', maxItems: 200, items: TARGET_SCHEMA },
        budget: { type: 'integer', minimum: 0, maximum: 1_000_000 },
      },
    },
  },
});

/** Body of `POST /fleet/plans`. @throws DomainError `BadRequest` naming the fields. */
export function readPlanRequest(body: unknown, groups: readonly string[]): WhatIf | undefined {
  if (!isPlanRequest(body)) return badRequest(problems(isPlanRequest.errors));
  const { what_if } = body;
  if (what_if === undefined) return undefined;
  const faults: string[] = [];
  what_if.targets?.forEach((target, i) => {
    targetFaults(target, groups, (field, message) => faults.push(`what_if.targets.${i}.${field}: ${message}`));
  });
  if (faults.length > 0) badRequest(faults);
  return {
    ...(what_if.targets && { targets: what_if.targets.map(targetOf) }),
    ...(what_if.budget !== undefined && { budget: what_if.budget }),
  };
}

export const isPauseRequest = compileSchema<{ reason?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: { reason: { type: 'string', minLength: 1, maxLength: 255 } },
});

/** Body of `POST /fleet/pause`. @throws DomainError `BadRequest`. */
export function readPauseRequest(body: unknown): { readonly reason?: string } {
  return isPauseRequest(body) ? body : badRequest(problems(isPauseRequest.errors));
}

const MOVE_STATES: Readonly<Record<MoveState, true>> = {
  preflight: true,
  draining: true,
  confirming: true,
  restarted: true,
  quiet: true,
  ready: true,
  importing: true,
  verify: true,
  placed: true,
  aborted: true,
  hold: true,
};

/** `?state=` of `GET /fleet/moves`. @throws DomainError `BadRequest`. */
export function readMoveState(given: string | string[] | undefined): MoveState | undefined {
  if (given === undefined || given === '') return undefined;
  if (typeof given !== 'string' || !Object.hasOwn(MOVE_STATES, given)) {
    return badRequest([`state must be one of ${Object.keys(MOVE_STATES).join(', ')}`]);
  }
  return given as MoveState;
}

/** Ids of plans and moves are UUIDs; anything else names nothing. */
export function isId(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
