import type { Facts, FactValue } from '../contract.js';
import { NAMESPACE, type SchemaJson } from './cedar.js';

type Json = { readonly [name: string]: unknown };

/** The part of Cedar's resolved type that facts can have. */
type Shape =
  | { readonly kind: 'value' }
  | { readonly kind: 'record'; readonly attributes: Readonly<Record<string, Shape>> };

/** What a claim looks like to the one who must bring it. From annotations on the schema's `Claims` attributes. */
export interface ClaimDeclaration {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** schema.cedarschema as the engine needs it: which facts each entity type and each action's context may carry. */
export interface PolicySchema {
  readonly text: string;
  readonly claims: ReadonlyMap<string, ClaimDeclaration>;
  /** Every action, type and attribute name, for suggestions. */
  readonly names: readonly string[];
  hasType(entityType: string): boolean;
  /** Does the schema let this action apply to this entity type? */
  applies(action: string, entityType: string): boolean;
  /** Facts the schema knows; others are dropped, since Cedar refuses a question with undeclared attributes. */
  entityFacts(entityType: string, facts: Facts): Facts;
  contextFacts(action: string, facts: Facts): Facts;
  attributesOf(entityType: string): readonly string[];
  /** Actions that other actions are members of: `action in [group]` reaches more than its own name. */
  readonly actionGroups: ReadonlySet<string>;
}

export function policySchema(text: string, json: SchemaJson<string>): PolicySchema {
  const namespace = (json[NAMESPACE] ?? { entityTypes: {}, actions: {} }) as unknown as {
    commonTypes?: Record<string, Json>;
    entityTypes: Record<string, Json>;
    actions: Record<string, Json>;
  };
  const common = namespace.commonTypes ?? {};
  const entities = new Map(
    Object.entries(namespace.entityTypes).map(([name, type]) => [
      name,
      shapeOf(type.shape as Json | undefined, common),
    ]),
  );
  const actions = new Map(
    Object.entries(namespace.actions).map(([name, action]) => {
      const appliesTo = (action.appliesTo ?? {}) as Json;
      const resources = (appliesTo.resourceTypes ?? []) as string[];
      return [name, { resources: new Set(resources), context: shapeOf(appliesTo.context as Json | undefined, common) }];
    }),
  );
  const claims = claimDeclarations(common.Claims);
  const names = [...entities.keys(), ...actions.keys(), ...attributeNames([...entities.values()]), ...claims.keys()];
  return {
    text,
    claims,
    names,
    hasType: (entityType) => entities.has(entityType),
    applies: (action, entityType) => actions.get(action)?.resources.has(`${NAMESPACE}::${entityType}`) ?? false,
    entityFacts: (entityType, facts) => project(facts, entities.get(entityType)),
    contextFacts: (action, facts) => project(facts, actions.get(action)?.context),
    attributesOf: (entityType) => attributeNames([entities.get(entityType) ?? { kind: 'value' }]),
    actionGroups: new Set(
      Object.values(namespace.actions).flatMap((action) =>
        ((action.memberOf ?? []) as { readonly id: string }[]).map((group) => group.id),
      ),
    ),
  };
}

function shapeOf(type: Json | undefined, common: Readonly<Record<string, Json>>): Shape {
  if (type === undefined) return { kind: 'record', attributes: {} };
  if (type.type === 'Record') {
    const attributes = Object.entries((type.attributes ?? {}) as Record<string, Json>);
    return {
      kind: 'record',
      attributes: Object.fromEntries(attributes.map(([name, inner]) => [name, shapeOf(inner, common)])),
    };
  }
  const named = typeof type.type === 'string' ? common[type.type.replace(`${NAMESPACE}::`, '')] : undefined;
  return named === undefined ? { kind: 'value' } : shapeOf(named, common);
}

function claimDeclarations(claims: Json | undefined): Map<string, ClaimDeclaration> {
  const attributes = Object.entries((claims?.attributes ?? {}) as Record<string, Json>);
  return new Map(
    attributes.map(([name, type]) => [
      name,
      { name, annotations: (type.annotations ?? {}) as Readonly<Record<string, string>> },
    ]),
  );
}

function attributeNames(shapes: readonly Shape[]): string[] {
  return shapes.flatMap((shape) => (shape.kind === 'record' ? Object.keys(shape.attributes) : []));
}

function project(facts: Facts, shape: Shape | undefined): Facts {
  if (shape?.kind !== 'record') return {};
  const kept: Record<string, FactValue> = {};
  for (const [name, inner] of Object.entries(shape.attributes)) {
    const value = Object.hasOwn(facts, name) ? facts[name] : undefined;
    if (value === undefined) continue;
    kept[name] = inner.kind === 'record' && isRecord(value) ? project(value, inner) : value;
  }
  return kept;
}

function isRecord(value: FactValue): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
