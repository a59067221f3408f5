/** Bodies of the OSB API as this broker reads them. Unknown top-level fields are ignored (broker.md 2). */
import type { ValidateFunction } from 'ajv';
import { compileSchema, problems, type Schema } from '../src/validate.js';
import { badRequest } from './errors.js';
import { MAX_ID_CHARACTERS } from './middleware/ids.js';
import type { JsonObject } from './middleware/json-body.js';
import type { Parameters } from './service-instance.js';

interface MaintenanceInfo {
  readonly version?: string;
}

export interface ProvisionBody {
  readonly service_id: string;
  readonly plan_id: string;
  readonly organization_guid: string;
  readonly space_guid: string;
  readonly context?: JsonObject;
  readonly parameters?: Parameters;
  readonly maintenance_info?: MaintenanceInfo;
}

export interface UpdateBody {
  readonly service_id: string;
  readonly plan_id?: string;
  readonly parameters?: Parameters;
  readonly maintenance_info?: MaintenanceInfo;
}

export interface BindBody {
  readonly service_id?: string;
  readonly plan_id?: string;
  readonly parameters?: Parameters;
  readonly bind_resource?: Parameters;
  readonly predecessor_binding_id?: string;
}

const id: Schema = { type: 'string', minLength: 1, maxLength: MAX_ID_CHARACTERS };
const anyObject: Schema = { type: 'object' };
const maintenance: Schema = { type: 'object', properties: { version: { type: 'string', maxLength: 255 } } };

function body(required: readonly string[], properties: Record<string, Schema>): Schema {
  return { type: 'object', required, properties: { context: anyObject, parameters: anyObject, ...properties } };
}

export const isProvisionBody = compileSchema<ProvisionBody>(
  body(['service_id', 'plan_id', 'organization_guid', 'space_guid'], {
    service_id: id,
    plan_id: id,
    organization_guid: id,
    space_guid: id,
    maintenance_info: maintenance,
  }),
);
export const isUpdateBody = compileSchema<UpdateBody>(
  body(['service_id'], { service_id: id, plan_id: id, maintenance_info: maintenance, previous_values: anyObject }),
);
export const isBindBody = compileSchema<BindBody>(
  body([], { service_id: id, plan_id: id, app_guid: id, bind_resource: anyObject, predecessor_binding_id: id }),
);

export const provisionBody = (value: JsonObject) => checked(isProvisionBody, value);
export const updateBody = (value: JsonObject) => checked(isUpdateBody, value);

/** Of a rotation the predecessor alone suffices (OSB 2.17, Rotating a Service Binding). */
export function bindBody(value: JsonObject): BindBody {
  const read = checked(isBindBody, value);
  for (const field of ['service_id', 'plan_id'] as const)
    if (read[field] === undefined && read.predecessor_binding_id === undefined)
      throw badRequest(`${field} is required`);
  return read;
}

/** @throws OsbError `BadRequest` naming every field at fault. */
function checked<T>(validate: ValidateFunction<T>, value: unknown): T {
  if (validate(value)) return value;
  throw badRequest(problems(validate.errors).join('; '));
}
