import type { Plan } from '../catalog/plan.js';
import { OsbError } from '../errors.js';

/** Requirement 17: a version that is not the plan's is a conflict; an empty object counts as absent. */
export function requirePlanVersion(plan: Plan, info: { readonly version?: string } | undefined): void {
  if (info?.version === undefined || info.version === plan.maintenance.version) return;
  throw new OsbError(
    'MaintenanceInfoConflict',
    `maintenance_info.version is ${plan.maintenance.version} now: read the catalog again`,
  );
}
