/**
 * The one door of the authorization server (UMA 2.0). Whoever protects something imports from here and nowhere deeper.
 * authz knows nothing of validators or of OSB: resources are names, types, scopes and opaque facts.
 */

export { createClaimVerifier } from './claims/verifier.js';
export type * from './contract.js';
export type { AuthorizationDeps } from './deps.js';
export { createDecisionLog } from './policy/decision-log.js';
export { createPolicyEngine } from './policy/engine.js';
export { OwnerPolicies } from './policy/owner/owner-policies.js';
export { createAuthorizationServer } from './server.js';
