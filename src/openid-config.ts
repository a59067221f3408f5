import type { Config } from './config.js';
import type { IdTokenIssuerFile, SignInFile } from './config-schema.js';

interface OpenIdFile {
  readonly sign_in?: readonly SignInFile[];
  readonly id_token_issuers?: readonly IdTokenIssuerFile[];
}

/**
 * The OpenID issuers as the broker uses them. An issuer people sign in at is believed for tokens made for our client
 * there, with the ticket's nonce; `id_token_issuers` names those whose tokens come some other way (a cluster's pods).
 * An issuer may be named once: whose token is believed for what must not hang on an order.
 */
export function openIdConfig(
  file: OpenIdFile,
  readSecret: (path: string, place: string) => string,
  faults: string[],
): Pick<Config, 'signIn' | 'idTokenIssuers'> {
  const { sign_in: signIn = [], id_token_issuers: others = [] } = file;
  const seen = new Set<string>();
  for (const [place, issuer] of [
    ...signIn.map((each, index) => [`sign_in.${index}`, each.issuer] as const),
    ...others.map((each, index) => [`id_token_issuers.${index}`, each.issuer] as const),
  ]) {
    if (seen.has(issuer)) faults.push(`${place}.issuer ${issuer} is named twice in sign_in and id_token_issuers`);
    if (!isSafe(issuer)) faults.push(`${place}.issuer ${issuer} must be an https URL (http only on loopback)`);
    seen.add(issuer);
  }
  for (const [index, { jwks_uri: uri }] of others.entries()) {
    if (uri !== undefined && !isSafe(uri)) {
      faults.push(`id_token_issuers.${index}.jwks_uri ${uri} must be an https URL (http only on loopback)`);
    }
  }
  return {
    signIn: signIn.map(({ name, issuer, client_id: clientId, client_secret_file: secret, scope }, index) => ({
      name,
      issuer,
      clientId,
      clientSecret: readSecret(secret, `sign_in.${index}.client_secret_file`),
      ...(scope !== undefined && { scope }),
    })),
    idTokenIssuers: [
      ...signIn.map(({ issuer, client_id: audience, claims }) => ({
        issuer,
        audience,
        requireNonce: true,
        ...(claims !== undefined && { claims }),
      })),
      ...others.map(({ issuer, audience, jwks_uri: jwksUri, claims, require_nonce: requireNonce }) => ({
        issuer,
        ...(audience !== undefined && { audience }),
        ...(jwksUri !== undefined && { jwksUri }),
        ...(claims !== undefined && { claims }),
        ...(requireNonce !== undefined && { requireNonce }),
      })),
    ],
  };
}

/** Keys and codes fetched over plain HTTP are anybody's, except from this machine. */
function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, search, hash, username } = new URL(url);
  if (search !== '' || hash !== '' || username !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname));
}
