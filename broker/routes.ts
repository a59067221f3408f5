import Router from '@koa/router';
import type { Context } from 'koa';
import { dashboardRoutes } from './dashboard.js';
import type { BrokerDeps } from './deps.js';
import { OsbError } from './errors.js';
import { createHandlers, type Handler } from './handlers.js';
import { apiVersion } from './middleware/api-version.js';
import { renderErrors } from './middleware/render-errors.js';
import { requestIdentity } from './middleware/request-identity.js';
import { operationRoutes } from './operation-routes.js';

type Method = 'GET' | 'PUT' | 'PATCH' | 'DELETE';

const INSTANCE = '/v2/service_instances/:instance_id';
const BINDING = `${INSTANCE}/service_bindings/:binding_id`;

/** Every endpoint of the Open Service Broker API, and whose it is. */
export const OSB_ENDPOINTS: readonly (readonly [Method, string, keyof ReturnType<typeof createHandlers>])[] = [
  ['GET', '/v2/catalog', 'catalog'],
  ['PUT', INSTANCE, 'provision'],
  ['GET', INSTANCE, 'fetchInstance'],
  ['PATCH', INSTANCE, 'update'],
  ['DELETE', INSTANCE, 'deprovision'],
  ['GET', `${INSTANCE}/last_operation`, 'lastOperation'],
  ['PUT', BINDING, 'bind'],
  ['GET', BINDING, 'fetchBinding'],
  ['DELETE', BINDING, 'unbind'],
  ['GET', `${BINDING}/last_operation`, 'lastBindingOperation'],
];

/** Open Service Broker API 2.17, and the instance's page. */
export function brokerRoutes(deps: BrokerDeps): Router {
  const on = createHandlers(deps);
  const table = OSB_ENDPOINTS.map(([method, path, name]) => [method, path, on[name]] as const);
  const router = new Router();
  router.all(/^\/v2(\/|$)/, requestIdentity, renderErrors(deps.logger), apiVersion, dispatch(table));
  dashboardRoutes(deps, router);
  operationRoutes(deps, router);
  return router;
}

/** The table's handler for a request. Ids stay percent-encoded here: decoding them is the handler's, with its errors. */
function dispatch(table: readonly (readonly [Method, string, Handler])[]) {
  const patterns = table.map(([method, path, handler]) => ({ method, handler, pattern: patternOf(path) }));
  return async (ctx: Context) => {
    const matches = patterns.filter(({ pattern }) => pattern.test(ctx.path));
    if (matches.length === 0) throw new OsbError('NotFound', 'no such path in the Open Service Broker API');
    const match = matches.find(({ method }) => method === ctx.method);
    if (!match) {
      const Allow = matches.map(({ method }) => method).join(', ');
      throw new OsbError('MethodNotAllowed', `this path takes ${Allow}`, { headers: { Allow } });
    }
    await match.handler(ctx, match.pattern.exec(ctx.path)?.groups ?? {});
  };
}

const patternOf = (path: string) => new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}/?$`);
