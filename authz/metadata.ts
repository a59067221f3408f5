import { DPOP_ALGORITHMS } from './dpop.js';
import { PAT_SCOPE, UMA_GRANT_TYPE } from './provider.js';
import { SIGNING_ALGORITHM } from './signing-key.js';
import { ALTERNATIVES_EXTENSION } from './uma-grant.js';

export type Metadata = Readonly<Record<string, unknown>>;

/** RFC 8414 metadata with UMA's members (D1–D9: UMA Grant 2, Federated Authorization 2). */
export function uma2Metadata(issuer: string, claimFormats: readonly string[]): Metadata {
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    registration_endpoint: `${issuer}/register`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    permission_endpoint: `${issuer}/permission`,
    resource_registration_endpoint: `${issuer}/resources`,
    claims_interaction_endpoint: `${issuer}/claims`,
    uma_profiles_supported: [...claimFormats, ALTERNATIVES_EXTENSION],
    grant_types_supported: [UMA_GRANT_TYPE, 'client_credentials', 'refresh_token'],
    // No authorization endpoint, so no response type.
    response_types_supported: [],
    scopes_supported: [PAT_SCOPE],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
  };
}

/** The same for OpenID Connect discovery, with the members it demands. */
export function openIdMetadata(issuer: string, claimFormats: readonly string[]): Metadata {
  return {
    ...uma2Metadata(issuer, claimFormats),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
  };
}
