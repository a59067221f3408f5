/** `GET /broker/operations?state=&instance_id=`: what the operator's daily tool shows; not part of OSB. */
import type Router from '@koa/router';
import { isStorable } from '../src/validate.js';
import { requirePermission } from './authorize.js';
import type { BrokerDeps } from './deps.js';
import { badRequest } from './errors.js';
import { MAX_ID_CHARACTERS } from './middleware/ids.js';
import { renderErrors } from './middleware/render-errors.js';
import { listOperations } from './operations/list-operations.js';

const STATES = ['in progress', 'succeeded', 'failed'];

export function operationRoutes(deps: BrokerDeps, router: Router): void {
  router.get('/broker/operations', renderErrors(deps.logger), async (ctx) => {
    const subject = await requirePermission(deps.guard, ctx.req, deps.resources.broker(), 'read');
    const state = ctx.URL.searchParams.get('state');
    const instanceId = ctx.URL.searchParams.get('instance_id');
    if (state !== null && !STATES.includes(state)) throw badRequest(`state must be one of ${STATES.join(', ')}`);
    if (instanceId !== null && (instanceId.length > MAX_ID_CHARACTERS || !isStorable(instanceId)))
      throw badRequest('instance_id is no id');
    ctx.body = {
      operations: await listOperations(deps, subject, {
        ...(state === null ? {} : { state }),
        ...(instanceId === null ? {} : { instanceId }),
      }),
    };
  });
}
