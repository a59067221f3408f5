/** What the code of a route does not say of itself: who may, and what it answers. */

import { isRotation } from '../../authz/key-routes.js';
import { isRequest } from '../../authz/protection/permission-routes.js';
import { isDocument } from '../../authz/protection/resource-routes.js';
import { isMetadata } from '../../authz/registration-routes.js';
import { isVerdict } from '../../authz/requests/request-routes.js';
import { isBindBody, isProvisionBody, isUpdateBody } from '../../broker/schema.js';
import { isPauseRequest, isPlanRequest } from '../../src/fleet/fleet-schema.js';
import { isBeaconFaults, isExecutionFaults } from '../../src/sandbox/control.js';
import { isFaults } from '../../src/sandbox/validator-client/faults.js';
import type { Schema } from '../../src/validate.js';

export interface Endpoint {
  readonly does: string;
  readonly who: string;
  readonly answers: string;
  /** Parameters of the query or of a form. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** A compiled schema of the JSON body. */
  readonly body?: { readonly schema?: unknown };
}

const ANYBODY = 'anybody';
const OAUTH_CLIENT = 'an OAuth client, authenticated as it registered';
const PAT = 'a PAT (scope `uma_protection`); each owner sees its own';
const QUEUE = (scope: string) => `an RPT with \`${scope}\` on the queue: the operator`;
const FLEET = (scope: string) => `an RPT with \`${scope}\` on the fleet: the operator`;
const INSTANCE = (scope: string) => `the instance's party, or a platform for its own: \`${scope}\``;
const BINDING = (scope: string) => `the binding's party, or a platform for its own: \`${scope}\``;
const LOOPBACK = 'anybody on loopback, in the sandbox only';
const OSB_IDS = { service_id: 'required', plan_id: 'required' };
const ASYNC = { accepts_incomplete: '`true`: asynchronous work is understood' };

export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'POST /authz/token': {
    does: 'the UMA grant, refresh tokens, client credentials (a PAT). `Authorization: Basic` or form fields authenticate; `ovsb-cli` is public. A `DPoP` header binds the RPT to its key.',
    who: OAUTH_CLIENT,
    parameters: {
      grant_type: '`urn:ietf:params:oauth:grant-type:uma-ticket`, `refresh_token`, or `client_credentials`',
      ticket: 'UMA grant: required, spent by this request',
      claim_token: 'UMA grant: what proves the party, in base64url',
      claim_token_format:
        '`urn:ovsb:claim-token:eip4361`, `urn:ovsb:claim-token:bls-withdrawal`, or `http://openid.net/specs/openid-connect-core-1_0.html#IDToken`',
      pct: 'UMA grant: claims proved before',
      rpt: 'UMA grant: an RPT to upgrade',
      scope: 'UMA grant: more scopes; client credentials: `uma_protection`',
      refresh_token: 'grant `refresh_token`',
    },
    answers:
      '200 `{access_token, token_type, expires_in, refresh_token?, pct?, upgraded?}`; 403 `need_info` with `ticket`, `required_claims`, `redirect_user`; 403 `request_submitted` with `ticket`, `interval`; 403 `request_denied`; 400 `invalid_grant`, `invalid_scope`, `invalid_request`; 401 `invalid_client`',
  },
  'GET /authz/.well-known/uma2-configuration': { does: 'UMA discovery', who: ANYBODY, answers: '200' },
  'GET /authz/.well-known/openid-configuration': { does: 'the same as OpenID discovery', who: ANYBODY, answers: '200' },
  'GET /authz/jwks': { does: 'keys that sign RPTs', who: ANYBODY, answers: '200 `{keys}`' },
  'GET /authz/claims': {
    does: 'the page where a person proves claims (UMA Grant 3.3.2)',
    who: 'whoever holds a ticket',
    parameters: {
      client_id: 'required',
      ticket: 'required, spent by this request',
      claims_redirect_uri: 'one of those the client registered; required when it has several',
      state: 'handed back',
    },
    answers: '200 page; 303 back to the client with `ticket` or `error`; 400 page',
  },
  'POST /authz/claims': {
    does: "the page's form",
    who: 'the page',
    answers: '200 page; 303 back to the client, or to the identity provider',
  },
  'POST /authz/claims/message': {
    does: "the message for the page's wallet to sign",
    who: 'the page',
    answers: '200 `{message}`; 400',
  },
  'GET /authz/claims/callback': {
    does: 'where an OpenID provider sends a person back',
    who: 'the browser that began the sign-in',
    answers: '200 page; 303 back to the client; 400 page',
  },
  'GET /authz/claims/{asset}': { does: "the page's script and style", who: ANYBODY, answers: '200; 404' },
  'POST /authz/revoke': {
    does: 'revocation (RFC 7009) of an RPT, refresh token (with its grant), PCT or PAT',
    who: OAUTH_CLIENT,
    parameters: { token: 'required; of this client' },
    answers: '200, also for an unknown token; 400; 401',
  },
  'POST /authz/register': {
    does: 'dynamic client registration (RFC 7591)',
    who: 'as `registration` of the configuration says: anybody (the sandbox’s default), or with the initial access token as `Bearer`',
    body: isMetadata,
    answers: '201 `{client_id, client_secret?, …}`; 400 `invalid_client_metadata`, `invalid_redirect_uri`; 401; 503',
  },
  'POST /authz/permission': {
    does: 'a ticket for permissions (Federated Authorization 4)',
    who: PAT,
    body: isRequest,
    answers: '201 `{ticket}`; 400 `invalid_resource_id`, `invalid_scope`; 429 (500 a second and owner)',
  },
  'GET /authz/resources': { does: 'ids of registered resources', who: PAT, answers: '200 `["…"]`' },
  'POST /authz/resources': {
    does: 'register a resource (Federated Authorization 3)',
    who: PAT,
    body: isDocument,
    answers: '201 `{_id}` and `Location`; 400; 403 `limit_exceeded` (20000 of one owner)',
  },
  'GET /authz/resources/{id}': { does: 'its description', who: PAT, answers: '200; 404' },
  'PUT /authz/resources/{id}': {
    does: 'replace its description',
    who: PAT,
    body: isDocument,
    answers: '200 `{_id}`; 400; 404',
  },
  'DELETE /authz/resources/{id}': { does: 'withdraw it', who: PAT, answers: '204; 404' },
  'POST /authz/introspect': {
    does: 'what an RPT permits now (Federated Authorization 5)',
    who: PAT,
    parameters: { token: 'required' },
    answers: '200 `{active, permissions?, sub?, client_id?, exp?, …}`',
  },
  'GET /authz/policies': {
    does: 'the policies that the PAT’s owner has written for its own resources, as Cedar text',
    who: PAT,
    answers: '200 `text/plain` and `ETag`; 400 to the operator; 404',
  },
  'PUT /authz/policies': {
    does: 'replace them; in force when answered, and at every replica within two seconds',
    who: `${PAT}. The body is Cedar text of at most 32768 bytes and 32 policies; \`If-Match\` and \`If-None-Match: *\` are heeded`,
    answers:
      '201 or 200 `{policies, policy_set}` and `ETag`; 400 `invalid_request` with `faults: [{line, column, message, fix?}]`; 412 `precondition_failed`; 413; 429; 503 (1000 owners have some)',
  },
  'DELETE /authz/policies': {
    does: 'remove them',
    who: `${PAT}; \`If-Match\` is heeded`,
    answers: '204; 404; 412',
  },
  'GET /authz/requests': {
    does: 'requests that wait for the owner, and those decided or expired in the last 30 days, newest first',
    who: `${QUEUE('read')}; or a PAT: its own resources’ requests`,
    parameters: {
      state: '`pending`, `approved`, `denied`, `used` or `expired`',
      limit: '1 to 500 (500)',
      before: 'the last id of the page before',
    },
    answers:
      '200 `{requests: [{id, party, client_id, resource, scopes, reason, policies, state, created_at, expires_at, …}]}`',
  },
  'POST /authz/requests/{id}/approve': {
    does: 'approve one; the party’s next request at the token endpoint gets its RPT',
    who: `${QUEUE('approve')}; or a PAT: its own resources’ requests`,
    body: isVerdict,
    answers: '200, the request; 404; 409 `already_decided`',
  },
  'POST /authz/requests/{id}/deny': {
    does: 'deny one',
    who: `${QUEUE('approve')}; or a PAT: its own resources’ requests`,
    body: isVerdict,
    answers: '200, the request; 404; 409 `already_decided`',
  },
  'POST /authz/keys/rotate': {
    does: 'sign RPTs with a new key from now on',
    who: 'an RPT with `rotate` on the signing keys: the operator',
    body: isRotation,
    answers: '200 `{kid}`; 400; 401; 403',
  },
  'GET /authz/decisions': {
    does: 'the decision log, newest first',
    who: 'an RPT with `read` on the policies: the operator',
    parameters: {
      party: '',
      client_id: '',
      resource_id: '',
      resource_type: '',
      resource_key: 'for instance `validator-nimbus/geth`',
      outcome: '`permit`, `owner_approval`, `deny` or `need_info`',
      since: 'ISO 8601',
      until: 'ISO 8601',
      before: '`next_before` of the page before',
      limit: '1 to 1000, 100 when left out; of an export any number, all when left out',
    },
    answers:
      '200 `{decisions, next_before?}`, or with `Accept: application/x-ndjson` all that fit, a decision a line; 400; 401; 403',
  },

  'GET /v2/catalog': {
    does: 'the catalog; with `If-None-Match` only when it has changed',
    who: '`read` on the catalog: any credential',
    answers: '200 `{services}`; 304',
  },
  'PUT /v2/service_instances/{instance_id}': {
    does: 'provision',
    who: '`instance:create` on the plan: an RPT, or a platform',
    parameters: ASYNC,
    body: isProvisionBody,
    answers:
      '202 `{dashboard_url, operation}`; 201; 200 it is there already, the same; 409 the same id with something else; 422 `AsyncRequired`, `NoCapacity`, `NoKeys`; 403 `StakeExceeded`, `KeyNotControlled`',
  },
  'GET /v2/service_instances/{instance_id}': {
    does: 'the instance',
    who: INSTANCE('read'),
    answers:
      '200 `{service_id, plan_id, dashboard_url, parameters, maintenance_info, metadata: {attributes: {plan, wish?, wish_description?, public_keys?}}}`; 404',
  },
  'PATCH /v2/service_instances/{instance_id}': {
    does: 'change parameters, plan (of the same service) or maintenance version',
    who: INSTANCE('update'),
    parameters: ASYNC,
    body: isUpdateBody,
    answers: '202 `{dashboard_url, operation}`; 200; 422 `ConcurrencyError`, `MaintenanceInfoConflict`',
  },
  'DELETE /v2/service_instances/{instance_id}': {
    does: 'deprovision',
    who: INSTANCE('delete'),
    parameters: { ...OSB_IDS, ...ASYNC },
    answers: '202 `{operation}`; 200; 410 it is not there',
  },
  'GET /v2/service_instances/{instance_id}/last_operation': {
    does: 'how far; ask again after `Retry-After` seconds',
    who: INSTANCE('read'),
    parameters: { operation: 'taken and ignored', service_id: 'taken and ignored', plan_id: 'taken and ignored' },
    answers:
      '200 `{state: "in progress" | "succeeded" | "failed", description, …}`, for a while also when deleted, then 410; 404',
  },
  'PUT /v2/service_instances/{instance_id}/service_bindings/{binding_id}': {
    does: 'bind, or rotate a binding (`predecessor_binding_id`)',
    who: INSTANCE('bind'),
    body: isBindBody,
    answers: '201 `{credentials, metadata?, endpoints?}`; 200 it is there already, the same; 409',
  },
  'GET /v2/service_instances/{instance_id}/service_bindings/{binding_id}': {
    does: 'the binding with its credentials',
    who: BINDING('read'),
    answers: '200 `{credentials, parameters, metadata?, endpoints?}`; 404',
  },
  'DELETE /v2/service_instances/{instance_id}/service_bindings/{binding_id}': {
    does: 'unbind; its credential ends',
    who: BINDING('delete'),
    parameters: OSB_IDS,
    answers: '200; 410 it is not there',
  },
  'GET /v2/service_instances/{instance_id}/service_bindings/{binding_id}/last_operation': {
    does: 'always `succeeded`: binding is synchronous',
    who: BINDING('read'),
    answers: '200 `{state, description}`, for a while also when deleted, then 410; 404',
  },
  'GET /console/instances/{id}': {
    does: 'a page on one instance (`dashboard_url`), for people',
    who: `${INSTANCE('read')}; or a one-time link`,
    parameters: { link: 'secret of a link, good once within five minutes' },
    answers: '200 page; 401 and 404 as pages',
  },
  'POST /console/instances/{id}/links': {
    does: 'a one-time link to that page',
    who: INSTANCE('read'),
    answers: '201 `{url, expires_at}`',
  },
  'GET /broker/operations': {
    does: 'operations, newest first (not part of OSB)',
    who: '`read` on the broker',
    parameters: { state: '`in progress`, `succeeded` or `failed`', instance_id: '' },
    answers: '200 `{operations}`',
  },

  'GET /fleet/diversity': {
    does: 'shares by stake for each layer, targets, violations, risk, pause',
    who: FLEET('read'),
    answers: '200',
  },
  'POST /fleet/plans': {
    does: 'plan; with `what_if` only to look at',
    who: FLEET('plan'),
    body: isPlanRequest,
    answers:
      '201 `{id, state, certificate, moves: [{public_key, from, to, reason}], repoints, unmet, contradictions, …}`; 503',
  },
  'GET /fleet/plans/{id}': { does: 'a plan', who: FLEET('read'), answers: '200; 404 `no_such_plan`' },
  'POST /fleet/plans/{id}/approve': {
    does: 'its moves may start',
    who: FLEET('approve'),
    answers: '200, the plan; 404; 409 `not_approvable`; 503 `sealed`',
  },
  'GET /fleet/moves': {
    does: 'moves',
    who: FLEET('read'),
    parameters: {
      state:
        '`preflight`, `draining`, `confirming`, `restarted`, `quiet`, `ready`, `importing`, `verify`, `placed`, `aborted`, `hold`',
    },
    answers: '200 `{moves: [{id, public_key, from, to, state, reason, …}]}`',
  },
  'GET /fleet/moves/{id}': {
    does: 'one move with every raw answer it rests on',
    who: FLEET('read'),
    answers: '200 `{…, evidence}`; 404 `no_such_move`',
  },
  'POST /fleet/pause': {
    does: 'no move starts; those underway go on',
    who: FLEET('pause'),
    body: isPauseRequest,
    answers: '200 `{paused, reason?, since?}`',
  },
  'POST /fleet/resume': {
    does: 'acknowledge what paused the moves',
    who: FLEET('pause'),
    answers: '200 `{paused, reason?, since?}`',
  },
  'GET /fleet/validator-clients': {
    does: 'validator clients with execution node, keys, capacity, state',
    who: FLEET('read'),
    answers: '200, a list',
  },

  'POST /rpc/{binding_id}': {
    does: 'JSON-RPC 2.0, a call or a batch',
    who: "the binding's `bearer_token`, or an RPT with its `rpc:<group>` scopes",
    answers: '200; 204 for notifications alone; 400 not JSON; 401 with a ticket; 413; 429 with `Retry-After`; 503',
  },
  'GET /rpc/{binding_id}': {
    does: 'the same over WebSocket (upgrade), with subscriptions; without an upgrade 405',
    who: 'the same, in the `Authorization` header of the upgrade',
    answers:
      '101; 401; 429; 503. Closes with 1008 credential expired or revoked, or binding deleted; 1012 upstream changed; 1013 try again later; 1001 stopping',
  },

  'GET /sandbox/referee': {
    does: 'every signature counted, every slashable pair',
    who: LOOPBACK,
    answers: '200 `{epoch, slot, signatures, attestations, blocks, slashable, justified, finalized}`',
  },
  'GET /sandbox/referee/signatures': {
    does: 'who signed with a key, when',
    who: LOOPBACK,
    parameters: { public_key: 'required, 48 bytes of 0x hex' },
    answers: '200; 400',
  },
  'POST /sandbox/referee/self-test': {
    does: 'shows a copy of the referee a slashable pair',
    who: LOOPBACK,
    answers: '200, what it saw',
  },
  'GET /sandbox/validator-clients': {
    does: 'validator clients with their Keymanager tokens',
    who: LOOPBACK,
    answers: '200 `[{name, implementation, keymanager_uri, token, keys, public_keys, faults, started_at}]`',
  },
  'PUT /sandbox/validator-clients/{name}/faults': {
    does: 'lies it shall tell; replaces the set',
    who: LOOPBACK,
    body: isFaults,
    answers: '200 `{name, faults}`; 400; 404',
  },
  'POST /sandbox/validator-clients/{name}/restart': {
    does: 'restart it',
    who: LOOPBACK,
    answers: '200 `{name, started_at, instance_id}` when it listens; 404',
  },
  'GET /sandbox/beacon-nodes': { does: 'beacon nodes', who: LOOPBACK, answers: '200, a list' },
  'PUT /sandbox/beacon-nodes/{name}/faults': {
    does: 'replaces its faults',
    who: LOOPBACK,
    body: isBeaconFaults,
    answers: '200; 400; 404',
  },
  'GET /sandbox/execution-nodes': { does: 'execution nodes', who: LOOPBACK, answers: '200, a list' },
  'PUT /sandbox/execution-nodes/{name}/faults': {
    does: 'replaces its faults',
    who: LOOPBACK,
    body: isExecutionFaults,
    answers: '200; 400; 404',
  },
  'GET /sandbox/execution-nodes/{name}/log': {
    does: 'the calls it has had',
    who: LOOPBACK,
    answers: '200, a list; 404',
  },

  'GET /livez': { does: 'the process runs', who: ANYBODY, answers: '200 `{live: true}`' },
  'GET /readyz': {
    does: 'what is still lacking',
    who: ANYBODY,
    answers: '200 or 503 `{ready, reasons: [{name, reason}]}`',
  },
  'GET /metrics': {
    does: 'Prometheus',
    who: 'in the sandbox anybody; elsewhere `Bearer` of `metrics.token_file`, and 404 without that key',
    answers: '200; 401',
  },
};

/** The schema a compiled validator was made of. */
export const schemaOf = (compiled: { readonly schema?: unknown }): Schema => compiled.schema as Schema;
