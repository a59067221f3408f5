import Router from '@koa/router';
import type Provider from 'oidc-provider';
import type { DataSource } from 'typeorm';
import { authenticateClient } from './client-authentication.js';
import { invalidRequest } from './errors.js';
import type { Grants } from './grants.js';
import { readForm } from './http.js';
import type { Pcts } from './pct.js';
import type { Rpts } from './rpt.js';
import { digestOf } from './secrets.js';

export interface RevocationParts {
  readonly dataSource: DataSource;
  readonly provider: () => Provider;
  readonly rpts: Rpts;
  readonly grants: Grants;
  readonly pcts: Pcts;
}

/** Token revocation (RFC 7009) of RPTs, refresh tokens (with their grant), PCTs and PATs; 200 also for unknown ones (V). */
export function revocationRoutes(parts: RevocationParts): Router {
  const router = new Router();
  router.post('/revoke', async (ctx) => {
    const form = await readForm(ctx);
    const clientId = await authenticateClient(parts.provider(), ctx, form);
    if (form.token === undefined) throw invalidRequest('missing required parameter: token');
    await revoke(parts, form.token, clientId);
    ctx.set('Cache-Control', 'no-store');
    ctx.status = 200;
    ctx.body = '';
  });
  return router;
}

/** The hint is only a hint (RFC 7009 2.1): the kinds cannot be confused, so all are tried. */
async function revoke(parts: RevocationParts, token: string, clientId: string): Promise<void> {
  const rpt = await parts.rpts.findExpired(token);
  if (rpt !== undefined) {
    if (rpt.clientId === clientId) await parts.grants.revokeRpt(rpt.jti);
    return;
  }
  if (await parts.pcts.revoke(token, clientId)) return;
  const grantId = await grantOfRefreshToken(parts, token, clientId);
  if (grantId !== undefined) return parts.grants.revoke(grantId);
  const pat = await parts.provider().ClientCredentials.find(token);
  if (pat?.clientId === clientId) await pat.destroy();
}

async function grantOfRefreshToken(
  parts: RevocationParts,
  token: string,
  clientId: string,
): Promise<string | undefined> {
  const [row] = (await parts.dataSource.query(
    'SELECT g.id FROM refresh_token t JOIN uma_grant g ON g.id = t.grant_id WHERE t.digest = $1 AND g.client_id = $2',
    [digestOf(token), clientId],
  )) as { id: string }[];
  return row?.id;
}
