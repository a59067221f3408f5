import Router from '@koa/router';
import type { Middleware } from 'koa';
import { invalidRequest } from '../errors.js';
import { readForm, unsupported } from '../http.js';
import { onWire, type Rpts } from '../rpt.js';
import { ownerOf } from './pat.js';

/** RPT introspection with a PAT (UMA Federated Authorization 5): `permissions`, never `scope`. */
export function introspectionRoutes(rpts: Rpts, pat: Middleware, issuer: string): Router {
  const router = new Router();
  router.post('/introspect', pat, async (ctx) => {
    const { token } = await readForm(ctx);
    if (token === undefined) throw invalidRequest('missing required parameter: token');
    ctx.set('Cache-Control', 'no-store');
    const rpt = await rpts.find(token);
    if (rpt === undefined || rpt.owner !== ownerOf(ctx) || rpt.permissions.length === 0) {
      ctx.body = { active: false };
      return;
    }
    ctx.body = {
      active: true,
      token_type: rpt.thumbprint === undefined ? 'Bearer' : 'DPoP',
      iss: issuer,
      aud: rpts.audience(rpt.owner),
      sub: rpt.party,
      client_id: rpt.clientId,
      jti: rpt.jti,
      iat: rpt.issuedAt,
      exp: rpt.expiresAt,
      permissions: onWire(rpt.permissions).map((permission) => ({ ...permission, exp: rpt.expiresAt })),
      policy_set: rpt.policySet,
      ...(rpt.thumbprint !== undefined && { cnf: { jkt: rpt.thumbprint } }),
    };
  });
  router.all('/introspect', pat, unsupported('POST'));
  return router;
}
