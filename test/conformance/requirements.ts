/** What the tests must show, in our words: the numbered points of authorization.md, security.md (B, C) and broker.md (OSB). */
export interface Requirement {
  /** As it stands at the head of a test's title: `K5`, `M.2`, `F.7`, `B1`; OSB's as `OSB 14` (in titles the number alone). */
  readonly id: string;
  readonly text: string;
}

function listed(prefix: string, separator: string, texts: Readonly<Record<string, string>>): Requirement[] {
  return Object.entries(texts).map(([number, text]) => ({ id: `${prefix}${separator}${number}`, text }));
}

/**
 * Paragraphs of authorization.md that carry a letter alone are numbered here with a dot (`C.1` is claims interaction, `C1` is
 * security.md's); `F` is "Fixed here" and what goes beyond the specifications.
 */
export const REQUIREMENTS: readonly Requirement[] = [
  ...listed('D', '', {
    1: 'uma2-configuration lies at issuer + path, concatenated as strings',
    2: 'RFC 8414 shape, uma-ticket among the grant types, no response type that is not offered',
    3: 'names the claims_interaction_endpoint',
    4: 'uma_profiles_supported: claim-token formats and the alternatives extension',
    5: 'names the permission_endpoint',
    6: 'names the resource_registration_endpoint',
    7: 'names the introspection_endpoint',
    9: 'dynamic registration accepts claims_redirect_uris',
  }),
  ...listed('P', '.', {
    1: 'registration, permission and introspection want a PAT: else 401 Bearer, without error attribute',
    2: 'a garbage PAT: 401 invalid_token',
    3: 'an expired PAT: 401 invalid_token',
    4: 'a token without uma_protection: 401 insufficient_scope',
    5: 'nothing but a bearer token with scope uma_protection is a PAT',
    6: 'a PAT sees its own (owner, resource server) only: others’ resources are 404',
  }),
  ...listed('R', '.', {
    1: 'POST: 201, Location, _id',
    2: 'GET: 200, the description and _id',
    3: 'PUT: 200, full replacement',
    4: 'DELETE: 204',
    5: 'LIST: the ids of this owner',
    6: 'resource_scopes is required',
    7: 'name, description, icon_uri, type are optional, name#ja is kept',
    8: 'unknown id: 404 not_found',
    9: 'other methods: 405 unsupported_method_type',
    10: 'malformed descriptions: 400 invalid_request',
    11: 'deleting a resource ends its tickets and permissions at once',
    12: 'a scope that PUT leaves out ends in tickets and permissions at once',
  }),
  ...listed('T', '.', {
    1: 'an object or an array in, 201 and one ticket out',
    2: 'unknown resource: 400 invalid_resource_id',
    3: 'unknown scope: 400 invalid_scope',
    4: 'an empty scope array is legal',
    5: 'no-store on every JSON with a ticket, a token or a decision',
    6: 'no no-store on discovery and JWKS',
  }),
  ...listed('K', '', {
    1: 'ticket required; claim_token and its format together or not at all; pct, rpt, scope optional',
    2: 'confidential and public clients',
    4: 'RequestedScopes = TicketScopes ∪ (RegisteredScopes ∩ RequestedScopes)',
    5: 'all granted: RPT',
    6: 'partly granted: all of a ticket or none, always',
    7: 'no policy and no claims never permits',
    8: 'the answer has no scope; may have pct, upgraded, refresh_token',
    9: 'PCT: opaque, bound to its client, stored hashed',
    10: 'upgraded only when the old permissions are carried over; then the old RPT is revoked',
    11: 'refresh never runs an assessment',
  }),
  ...listed('E', '.', {
    1: 'invalid_grant 400: unknown, expired, used ticket',
    2: 'invalid_scope 400',
    3: 'need_info 403 with a new ticket and required_claims or redirect_user',
    4: 'request_denied 403',
    5: 'request_submitted 403 with a new ticket and interval',
    6: 'in required_claims, claim_token_format and issuer are arrays',
    7: 'errors are JSON whatever Accept says',
    8: 'unauthorized_client 400: a grant type the client is not registered for (RFC 6749, 5.2)',
    9: 'unsupported_grant_type 400: one that is not offered',
  }),
  ...listed('M', '.', {
    1: 'tickets are unguessable, and kept as digests',
    2: 'a ticket is consumed at the token endpoint whatever the outcome',
    3: 'a ticket is consumed at the claims endpoint',
    4: 'where the party can go on, the ticket is rotated',
    5: 'of N parallel presentations at most one hears anything but invalid_grant',
    6: 'invalid_client does not spend the ticket',
    7: 'invalid_request before the ticket is read does not spend it',
  }),
  ...listed('C', '.', {
    1: 'takes client_id, ticket, claims_redirect_uri, state',
    2: 'the redirect URI equals a registered claims_redirect_uri, never a plain redirect_uri',
    3: 'bad client or URI: a page, never a redirect',
    4: 'back with a new ticket',
    5: 'state comes back iff it was sent',
    6: 'CSRF protection',
    7: 'the party sees what is asked, and consents',
  }),
  ...listed('I', '.', {
    1: 'an active RPT has permissions[]',
    2: 'never scope',
    3: 'only the resources of that PAT',
    4: 'anything else is {"active": false}, 200',
  }),
  ...listed('V', '.', {
    1: 'an RPT can be revoked',
    2: 'a refresh token can be revoked',
    3: 'a PCT can be revoked (hint pct)',
    4: 'effective at every replica at once',
  }),
  ...listed('S', '.', {
    1: 'no RPT: 401 with UMA realm, as_uri, ticket',
    2: 'invalid or insufficient RPT: the same answer',
    3: 'authorization server unreachable: 403 and Warning 199',
  }),
  ...listed('F', '.', {
    1: 'registration is open in the sandbox; elsewhere a switch or an initial access token',
    2: 'a registered client is its own resource owner',
    3: 'the operator’s PAT covers its resources of any type; its client needs no claim for them',
    4: 'client_secret_basic and none are accepted',
    5: 'unknown client, or without its secret: 401 invalid_client',
    6: 'an EIP-4361 message must expire; not-before is honoured',
    7: 'expired, wrong nonce, wrong format: 403 need_info with a new ticket',
    8: 'forged signature, foreign domain: 400 JSON, never 5xx',
    9: 'a message over the very first ticket is accepted for it',
    10: 'interval 1–10 s in the sandbox; later polls need no new claim',
    11: 'GET /authz/requests, approve, deny: the operator’s alone; of another owner’s resources that owner’s',
    12: 'an approval serves one party and one resource',
    13: 'the queue without credential: the UMA 401',
    14: 'a third is the implementation’s share of the fleet’s stake',
    15: 'policy_set carries the hash of the policies',
    16: 'urn:ovsb:uma:alternatives is announced beside the formats',
    17: 'an introspected token with nothing for that PAT is inactive',
    18: 'the claims page spends the ticket on GET; shows the resource’s name and the client',
    19: 'a bad client or URI: 4xx HTML; other faults: 303 with error and state, the registered query kept',
    20: '405 also for POST on an item, PUT or DELETE on the collection',
    21: 'an empty permission array, a repeated parameter, a wrong type: 400 invalid_request',
    22: 'authentication comes before body validation',
    24: 'ticket 5 min, RPT 15 min, refresh 8 h, PCT 30 days, PAT 1 h',
    25: '100 requests a second from one address are served',
    26: 'a token with cnf needs a fresh proof, also when it is remembered',
    27: 'RPTs are RFC 9068 at+jwt with permissions',
    28: 'the policy-set hash stands in each RPT and each recorded decision',
    29: 'a policy change ends what it would now deny',
    30: 'proofs of two kinds join when each was made for its ticket, and no others',
    31: 'a second resource owner writes policies on its own resources with its PAT',
  }),
  ...listed('B', '', {
    1: 'an RPT is necessary, not sufficient; an approval is for one request digest',
    2: 'an instance belongs to the credential that made it',
    3: 'one audience, one resource server; an upgrade never crosses',
    4: 'a policy change re-assesses the whole grant family; EIP-1271 claims are not kept above 1 h',
    5: 'revocations are numbered, notified and polled; without word for 3 s nothing is believed',
    6: 'EIP-1271: recovery first, one capped call at the safe block, wrappings refused',
    7: 'a presented ticket belongs to its client; pages unmask phishing',
    8: 'an x25519 key bound in the claim wins; low-order points are refused',
  }),
  ...listed('C', '', {
    1: 'a Host that is not ours: 421, except probes',
    2: 'strict CSP; CORS * on /rpc alone',
    3: 'hot reload wants files at rest that group and world cannot write',
  }),
  ...listed('OSB', ' ', {
    1: 'X-Broker-API-Version: 412 when missing or unsupported',
    2: 'unknown fields are ignored',
    3: 'originating identity is read from platforms only',
    4: 'the request identity is echoed',
    5: 'errors: one CamelCase word and a description',
    6: 'a 4xx changes nothing; a failed update says what is left',
    7: 'ids: decoded, at most 255 characters',
    8: 'catalog ids: stable, unique, GUIDs; names CLI-friendly',
    9: 'offerings carry their fields',
    10: 'plans carry their fields',
    11: 'schemas: draft-04, no outside $ref, at most 64 kB',
    12: 'ETag, 304, Vary: Authorization',
    13: 'the catalog document is checked at load',
    14: 'async without accepts_incomplete: 422 AsyncRequired',
    15: 'a repeat while running hears the same operation; identical 200; other attributes 409',
    16: 'last_operation, also after a delete',
    17: 'provision: required ids, unknown parameters, maintenance_info',
    18: 'GET: 404 while provisioning, 422 while updating',
    19: 'PATCH: what is absent stays',
    20: 'DELETE: ids required, absent 410, halts a creation',
    21: 'a half-made instance can always be deleted',
    22: 'bind: 201, 200, 409; credentials at least once',
    23: 'rotation by predecessor_binding_id alone',
    24: 'GET of an unknown binding: 404',
    25: 'binds that need no waiting are synchronous',
    26: 'deprovision unbinds every binding first',
  }),
];

/** One heading's ids, at its head: `K1, M.7: …`, `B2 …`; below a describe `OSB …`, bare numbers: `16 20 …`. */
const IDS = /^(?:[A-Z]\.?\d{1,2}(?:, |: | ))+/;
const OSB_NUMBERS = /^(?:\d{1,2} )+/;

/** The ids that a test carries. @param path its describes' titles and its own, outermost first. */
export function idsOf(path: readonly string[]): string[] {
  const osb = path[0]?.startsWith('OSB 2.17') === true;
  return path.flatMap((title) => {
    const [ids] = IDS.exec(title) ?? [];
    if (ids !== undefined) return ids.split(/[,: ]+/).filter((id) => id !== '');
    const [numbers] = (osb && OSB_NUMBERS.exec(title)) || [];
    return (numbers ?? '').split(' ').flatMap((number) => (number === '' ? [] : [`OSB ${number}`]));
  });
}
