/** The one place that loads Cedar's WebAssembly. The nodejs build is synchronous and keeps preparsed sets per thread. */
export {
  type CedarValueJson,
  checkParseSchema,
  type DetailedError,
  type EntityJson,
  type Expr,
  isAuthorized,
  isAuthorizedPartial,
  type PolicyJson,
  policyToJson,
  policyToText,
  preparsePolicySet,
  preparseSchema,
  type SchemaJson,
  schemaToJsonWithResolvedTypes,
  statefulIsAuthorized,
  templateToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';

/** Every type of the product's schema lives in this namespace. */
export const NAMESPACE = 'OVSB';
