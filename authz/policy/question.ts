import type { FactValue } from '../contract.js';
import { type CedarValueJson, type EntityJson, NAMESPACE } from './cedar.js';
import { momentsAt } from './moments.js';
import { entityTypeOf } from './names.js';
import type { PolicySchema } from './schema.js';
import type { SliceKey } from './slice.js';
import type { AssessRequest } from './types.js';

interface Uid {
  readonly type: string;
  readonly id: string;
}

/** An assessment request in Cedar's words. */
export interface Question {
  readonly slice: SliceKey;
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

/** Scopes the schema does not name, and those of second owners' resources, are this action; the scope stands in `context.scope`. */
const GENERIC_ACTION = 'use';
/** The entity type of second owners' resources and of types the schema does not name. */
const GENERIC_RESOURCE = 'Resource';

/** What the question's policies are chosen by. */
export function sliceKeyOf(request: AssessRequest, schema: PolicySchema): SliceKey {
  const known = request.owner === undefined && schema.hasType(entityTypeOf(request.resource.type));
  const resourceType = known ? entityTypeOf(request.resource.type) : GENERIC_RESOURCE;
  return {
    ...(request.owner === undefined ? {} : { owner: request.owner }),
    principalId: request.principal.party,
    action: schema.applies(request.scope, resourceType) ? request.scope : GENERIC_ACTION,
    resourceType,
    resourceId: request.resource.key,
  };
}

/** Facts the schema does not declare are left out; Cedar refuses what remains when its type is wrong. */
export function questionOf(request: AssessRequest, schema: PolicySchema): Question {
  const slice = sliceKeyOf(request, schema);
  const { action, resourceType } = slice;
  const principal = uid('Party', request.principal.party);
  const resource = uid(resourceType, request.resource.key);
  const principalFacts = schema.entityFacts('Party', {
    ...request.principal.attributes,
    id: request.principal.party,
    kind: request.principal.kind,
    ...(request.principal.address === undefined ? {} : { address: request.principal.address }),
  });
  const resourceFacts = schema.entityFacts(resourceType, {
    ...request.resource.attributes,
    key: request.resource.key,
    type: request.resource.type,
    ...(request.owner === undefined ? {} : { owner: `client:${request.owner}`, owner_client: request.owner }),
  });
  const context = schema.contextFacts(action, {
    ...request.context,
    claims: request.claims,
    scope: request.scope,
    client: request.clientId,
    ...momentsAt(request.nowSeconds),
  });
  return {
    slice,
    principal,
    action: uid('Action', action),
    resource,
    context: cedarRecord(context),
    entities: [
      { uid: principal, attrs: cedarRecord(principalFacts), parents: [] },
      { uid: resource, attrs: cedarRecord(resourceFacts), parents: [] },
    ],
  };
}

function uid(type: string, id: string): Uid {
  return { type: `${NAMESPACE}::${type}`, id };
}

/**
 * Facts as Cedar JSON. Cedar reads `__entity` and `__extn` as commands, so a fact with such a key would be no fact;
 * the schema declares none, and `project` has dropped what it does not declare.
 */
function cedarRecord(facts: { readonly [name: string]: FactValue }): Record<string, CedarValueJson> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, cedarValue(value)]));
}

function cedarValue(value: FactValue): CedarValueJson {
  if (typeof value !== 'object') return value;
  return Array.isArray(value) ? value.map(cedarValue) : cedarRecord(value as { readonly [name: string]: FactValue });
}
