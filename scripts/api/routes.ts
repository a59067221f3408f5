/** The paths, read from the routers that serve them. Nothing is started: what routers are given is never used. */
import type Router from '@koa/router';
import type { Middleware } from 'koa';
import { claimsRoutes } from '../../authz/interaction/claims-routes.js';
import { keyRoutes } from '../../authz/key-routes.js';
import { uma2Metadata } from '../../authz/metadata.js';
import { decisionRoutes } from '../../authz/policy/decision-routes.js';
import { policyRoutes } from '../../authz/policy/owner/policy-routes.js';
import { introspectionRoutes } from '../../authz/protection/introspection-routes.js';
import { permissionRoutes } from '../../authz/protection/permission-routes.js';
import { resourceRoutes } from '../../authz/protection/resource-routes.js';
import { registrationRoutes } from '../../authz/registration-routes.js';
import { requestRoutes } from '../../authz/requests/request-routes.js';
import { revocationRoutes } from '../../authz/revocation-routes.js';
import { discoveryRoutes } from '../../authz/server.js';
import { brokerRoutes, OSB_ENDPOINTS } from '../../broker/routes.js';
import { fleetRoutes } from '../../src/fleet/fleet-routes.js';
import { bindingOf } from '../../src/gateway/http-handler.js';
import { probeRoutes } from '../../src/http/probe-routes.js';
import { controlRoutes } from '../../src/sandbox/control.js';

export interface Area {
  readonly name: string;
  /** `GET /path/{parameter}`, in the order of the code. */
  readonly endpoints: readonly string[];
}

/** Stands for every dependency: any member of it is itself. */
const unused: unknown = new Proxy(() => undefined, { get: () => unused });
const anything = unused as never;
const pass: Middleware = (_ctx, next) => next();

export function areas(): Area[] {
  return [
    { name: 'UMA', endpoints: umaEndpoints() },
    { name: 'Open Service Broker', endpoints: brokerEndpoints() },
    { name: 'Fleet', endpoints: endpointsOf(fleetRoutes(anything, anything, '')) },
    { name: 'JSON-RPC', endpoints: rpcEndpoints() },
    { name: 'Sandbox', endpoints: controlRoutes(anything).map(([method, path]) => `${method} ${path}`) },
    { name: 'Probes', endpoints: endpointsOf(probeRoutes(anything)) },
  ];
}

function umaEndpoints(): string[] {
  const routers = [
    discoveryRoutes(anything, anything),
    claimsRoutes(anything),
    revocationRoutes(anything),
    registrationRoutes(anything),
    permissionRoutes(anything, anything, anything, pass),
    resourceRoutes(anything, pass, ''),
    introspectionRoutes(anything, pass, ''),
    requestRoutes(anything),
    decisionRoutes(anything),
    keyRoutes(anything),
    policyRoutes(anything, pass),
  ];
  const found = routers.flatMap(endpointsOf).map((each) => each.replace(' ', ' /authz'));
  // The token endpoint is the OAuth library's, so no router of ours has it.
  return [`POST ${String(uma2Metadata('/authz', []).token_endpoint)}`, ...found];
}

function brokerEndpoints(): string[] {
  const table = OSB_ENDPOINTS.map(([method, path]) => `${method} ${braced(path)}`);
  return [...table, ...endpointsOf(brokerRoutes(anything)).filter((each) => !each.includes(' /v2'))];
}

function rpcEndpoints(): string[] {
  const path = '/rpc/{binding_id}';
  if (bindingOf(path) !== '{binding_id}') throw new Error('the gateway serves another path than /rpc/{binding_id}');
  return [`POST ${path}`, `GET ${path}`];
}

/** Routes for one or two methods; those that answer every method only say which methods there are. */
function endpointsOf(router: Router): string[] {
  return router.stack
    .filter(({ methods }) => methods.length > 0 && methods.length <= 2)
    .map(({ methods, path }) => `${methods.find((method) => method !== 'HEAD') ?? 'HEAD'} ${braced(path)}`);
}

/** `/a/:b` and `^\/a\/(?<b>[^/]+)$` as `/a/{b}`. */
function braced(path: string | RegExp): string {
  if (typeof path === 'string') return path.replace(/:(\w+)/g, '{$1}');
  return path.source.replace(/\(\?<(\w+)>[^)]*\)/g, '{$1}').replace(/[\^$\\]/g, '');
}
