import Router from '@koa/router';
import type { Middleware } from 'koa';
import { compileSchema, problems } from '../../src/validate.js';
import { unite } from '../authorization-assessment.js';
import { invalidRequest, ProtocolError } from '../errors.js';
import { readJson, unsupported } from '../http.js';
import { type AddressLimit, requireTake } from '../rate-limit.js';
import type { WirePermission } from '../rpt.js';
import { ownerOf } from './pat.js';
import type { Resources } from './resources.js';
import type { Tickets } from './tickets.js';

const permission = {
  type: 'object',
  required: ['resource_id', 'resource_scopes'],
  properties: {
    resource_id: { type: 'string', minLength: 1, maxLength: 256 },
    resource_scopes: { type: 'array', maxItems: 128, items: { type: 'string', minLength: 1, maxLength: 256 } },
  },
};

export const isRequest = compileSchema<WirePermission | WirePermission[]>({
  anyOf: [permission, { type: 'array', minItems: 1, maxItems: 128, items: permission }],
});

/** The permission endpoint (UMA Federated Authorization 4): one permission or several in, one ticket out. */
export function permissionRoutes(
  resources: Resources,
  tickets: Tickets,
  /** Of tickets, by owner: whatever addresses it calls from. */
  limit: AddressLimit,
  pat: Middleware,
): Router {
  const router = new Router();
  router.post('/permission', pat, async (ctx) => {
    const body = await readJson(ctx);
    if (!isRequest(body)) throw invalidRequest(problems(isRequest.errors).join('; '));
    const wanted = Array.isArray(body) ? body : [body];
    const owner = ownerOf(ctx);
    await requireRegistered(resources, owner, wanted);
    requireTake(limit, owner, 'tickets');
    const permissions = unite(
      wanted.map((one) => ({ resourceId: one.resource_id, scopes: one.resource_scopes })),
      [],
    );
    ctx.status = 201;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { ticket: await tickets.create({ owner, permissions }) };
  });
  router.all('/permission', pat, unsupported('POST'));
  return router;
}

async function requireRegistered(
  resources: Resources,
  owner: string,
  wanted: readonly WirePermission[],
): Promise<void> {
  const known = await resources.byIds(wanted.map((one) => one.resource_id));
  for (const one of wanted) {
    const resource = known.get(one.resource_id);
    // Another owner's resource is as unknown as none.
    if (resource === undefined || resource.owner !== owner) {
      throw new ProtocolError(
        400,
        'invalid_resource_id',
        'a resource_id is not registered here by this resource server',
      );
    }
    if (!one.resource_scopes.every((scope) => resource.scopes.includes(scope))) {
      throw new ProtocolError(400, 'invalid_scope', 'a scope is not among those of its resource');
    }
  }
}
