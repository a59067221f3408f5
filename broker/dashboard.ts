/** `/console/instances/{id}`: what an instance is and how far, read-only, plain HTML. */
import { randomBytes } from 'node:crypto';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { reasonOf } from '../src/errors.js';
import { html } from '../src/http/html.js';
import { requireOnOwned } from './authorize.js';
import { DashboardLink } from './dashboard-link.js';
import type { BrokerDeps } from './deps.js';
import { OsbError, renderError } from './errors.js';
import { decodeId } from './middleware/ids.js';
import { findInstance, latestOperation } from './operations/rows.js';
import { isOfFleet } from './operations/wish.js';
import { page } from './page.js';
import { dashboardUrl } from './present.js';
import { ServiceBinding } from './service-binding.js';
import type { ServiceInstance } from './service-instance.js';

const LINK_LIFETIME_MS = 300_000;
const LINK_PURPOSE = 'dashboard_link';
const PATH = /^\/console\/instances\/(?<id>[^/]+)$/;
const LINKS_PATH = /^\/console\/instances\/(?<id>[^/]+)\/links$/;

/** GET the page, by RPT or a one-time link; POST `…/links` with an RPT for such a link. */
export function dashboardRoutes(deps: BrokerDeps, router: Router): void {
  router.get(PATH, (ctx) =>
    asPage(deps, ctx, async () => {
      const id = decodeId(PATH.exec(ctx.path)?.groups?.id ?? '', 'instance_id');
      const link = ctx.URL.searchParams.get('link');
      const instance = link ? await openLink(deps, id, link) : await permitted(deps, ctx, id);
      ctx.body = await instancePage(deps, instance);
    }),
  );
  router.post(LINKS_PATH, (ctx) =>
    asPage(deps, ctx, async () => {
      const id = decodeId(LINKS_PATH.exec(ctx.path)?.groups?.id ?? '', 'instance_id');
      const { id: instanceId } = await permitted(deps, ctx, id);
      const secret = randomBytes(32).toString('base64url');
      const expiresAt = new Date(deps.clock.nowMs() + LINK_LIFETIME_MS);
      const digest = deps.dataKey.digest(secret, LINK_PURPOSE);
      await deps.dataSource.manager.insert(DashboardLink, { digest, instanceId, expiresAt });
      ctx.status = 201;
      ctx.body = { url: `${dashboardUrl(deps, id)}?link=${secret}`, expires_at: expiresAt.toISOString() };
    }),
  );
}

async function permitted(deps: BrokerDeps, ctx: Context, id: string): Promise<ServiceInstance> {
  const absent = () => new OsbError('NotFound', 'no such instance');
  const instance = await findInstance(deps.dataSource.manager, id);
  await requireOnOwned(deps.guard, ctx.req, instance ?? undefined, 'read', deps.resources.broker(), absent);
  if (!instance) throw absent();
  return instance;
}

/** Consumes the link; a second use finds nothing. */
async function openLink(deps: BrokerDeps, id: string, secret: string): Promise<ServiceInstance> {
  const { manager } = deps.dataSource;
  const [rows]: [{ expires_at: Date }[], number] = await manager.query(
    'DELETE FROM dashboard_link WHERE digest = $1 AND instance_id = $2 RETURNING expires_at',
    [deps.dataKey.digest(secret, LINK_PURPOSE), id],
  );
  const instance =
    rows[0] && rows[0].expires_at.getTime() > deps.clock.nowMs() ? await findInstance(manager, id) : null;
  if (!instance) throw new OsbError('Unauthorized', 'this link has been used or is too old');
  return instance;
}

/** Every answer is a page, refusals too. No script, no frame, nothing from elsewhere. */
async function asPage(deps: BrokerDeps, ctx: Context, work: () => Promise<void>): Promise<void> {
  ctx.set({
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  });
  try {
    await work();
    if (typeof ctx.body === 'string') ctx.type = 'text/html; charset=utf-8';
  } catch (thrown) {
    const correlationId = randomBytes(8).toString('hex');
    const { status, headers, body } = renderError(thrown, correlationId);
    if (status >= 500) deps.logger.error({ correlationId, reason: reasonOf(thrown) }, 'instance page failed');
    ctx.status = status;
    ctx.set(headers);
    ctx.type = 'text/html; charset=utf-8';
    ctx.body = page(body.error, html`<h1>${body.error}</h1><p>${body.description}</p>`);
  }
}

async function instancePage(deps: BrokerDeps, instance: ServiceInstance): Promise<string> {
  const { manager } = deps.dataSource;
  const operation = await latestOperation(manager, instance.id);
  const wish =
    isOfFleet(instance.kind) && instance.state === 'ready' ? await deps.fleet.progress(instance.id) : undefined;
  const bindings = await manager.findBy(ServiceBinding, { instanceId: instance.id });
  const row = (name: string, value: string) => html`<tr><th>${name}</th><td>${value}</td></tr>`;
  return page(
    `Instance ${instance.id}`,
    html`<h1>Instance ${instance.id}</h1>
<table>
${row('Plan', instance.planKey)}
${row('State', instance.state)}
${row('Last operation', operation ? `${operation.kind}: ${operation.state}. ${operation.description}` : 'none')}
${row('Wish', wish ? `${wish.status}: ${wish.description}` : 'none')}
${row('Keys', wish && wish.publicKeys.length > 0 ? wish.publicKeys.join(' ') : 'none')}
${row('Parameters', JSON.stringify(instance.parameters))}
${row('Made by', instance.owner)}
${row('Made at', instance.createdAt.toISOString())}
${row('Bindings', bindings.length > 0 ? bindings.map((binding) => binding.id).join(' ') : 'none')}
</table>`,
  );
}
