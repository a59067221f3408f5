/** The one place that loads Cedar's WebAssembly. The nodejs build is synchronous and keeps preparsed sets per thread. */
import { setFlagsFromString } from 'node:v8';

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

// V8 of Node 20 can abort the process ("unreachable code", Deoptimizer::DoComputeBuiltinContinuation) when it leaves
// optimised code in the midst of a WebAssembly call it inlined. Not inlining costs a few nanoseconds a call.
setFlagsFromString('--no-turbo-inline-js-wasm-calls');

/** Every type of the product's schema lives in this namespace. */
export const NAMESPACE = 'OVSB';
