/** HTTP in and out of the broker's verbs, one handler per endpoint. Permission first, then what was sent. */
import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';
import type { Subject } from '../authz/index.js';
import { DomainError } from '../src/errors.js';
import { isStorable } from '../src/validate.js';
import { challenge, requireAnyCreation, requireOnOwned, requirePermission } from './authorize.js';
import type { BrokerDeps } from './deps.js';
import { badRequest, OsbError, RETRY_AFTER_SECONDS } from './errors.js';
import { decodeId, MAX_ID_CHARACTERS } from './middleware/ids.js';
import { type JsonObject, peekJsonBody, readJsonBody } from './middleware/json-body.js';
import { bind as bindVerb, unsealCredentials } from './operations/bind.js';
import { deprovision as deprovisionVerb, gone } from './operations/deprovision.js';
import { fetchInstance as fetchInstanceVerb } from './operations/fetch-instance.js';
import {
  type LastOperation,
  lastOperationOfDeleted,
  lastOperation as lastOperationVerb,
} from './operations/last-operation.js';
import { provision as provisionVerb } from './operations/provision.js';
import { findBinding, findInstance, findTombstone } from './operations/rows.js';
import { bindingGone, unbind as unbindVerb } from './operations/unbind.js';
import { update as updateVerb } from './operations/update.js';
import { originOf } from './origin.js';
import { dashboardUrl, presentBinding, presentInstance } from './present.js';
import { bindBody, provisionBody, updateBody } from './schema.js';
import type { Tombstone } from './tombstone.js';

export type Handler = (ctx: Context, params: Readonly<Record<string, string>>) => Promise<void>;

const noInstance = () => new OsbError('NotFound', 'no such instance');
const noBinding = () => new OsbError('NotFound', 'no such binding');

export function createHandlers(deps: BrokerDeps) {
  const { guard, resources } = deps;
  const { manager } = deps.dataSource;

  /** An id of the path. A broken one is told only to somebody who has a credential. */
  async function idOf(request: IncomingMessage, raw: string | undefined, field: string): Promise<string> {
    try {
      return decodeId(raw ?? '', field);
    } catch (error) {
      if (!(await guard.identify(request)))
        throw await challenge(guard, request, resources.broker(), 'instance:create');
      throw error;
    }
  }

  async function onInstance(ctx: Context, raw: string | undefined, scope: string, absent = noInstance) {
    const id = await idOf(ctx.req, raw, 'instance_id');
    const instance = await findInstance(manager, id);
    const subject = await requireOnOwned(guard, ctx.req, instance ?? undefined, scope, resources.broker(), absent);
    if (!instance) throw absent();
    return { id, instance, subject };
  }

  async function onBinding(ctx: Context, params: Readonly<Record<string, string>>, scope: string, absent = noBinding) {
    const instanceId = await idOf(ctx.req, params.instance_id, 'instance_id');
    const id = await idOf(ctx.req, params.binding_id, 'binding_id');
    const binding = await findBinding(manager, instanceId, id);
    await requireOnOwned(guard, ctx.req, binding ?? undefined, scope, resources.broker(), absent);
    if (!binding) throw absent();
    return { instanceId, id, binding };
  }

  /** The caller and body of a PUT that creates: whose permission is asked depends on the plan the body names. */
  async function creation(ctx: Context): Promise<{ subject: Subject; body: JsonObject }> {
    const known = await guard.identify(ctx.req);
    if (!known) {
      const plan = planNamed(deps, await peekJsonBody(ctx.req));
      throw await challenge(guard, ctx.req, plan ? resources.plan(plan) : resources.broker(), 'instance:create');
    }
    let body: JsonObject;
    try {
      body = await readJsonBody(ctx.req);
    } catch (error) {
      await requireAnyCreation(guard, ctx.req, known, resources.broker());
      throw error;
    }
    const plan = planNamed(deps, body);
    const origin = originOf(known, body);
    if (plan) {
      const subject = await requirePermission(guard, ctx.req, resources.plan(plan), 'instance:create', origin);
      return { subject, body };
    }
    await requireAnyCreation(guard, ctx.req, known, resources.broker(), origin);
    return { subject: known, body };
  }

  const catalog: Handler = async (ctx) => {
    await requirePermission(guard, ctx.req, resources.catalog(), 'read');
    const { body, etag } = deps.catalog.view();
    ctx.set('ETag', etag);
    ctx.set('Cache-Control', 'no-cache');
    ctx.vary('Authorization');
    if (matches(ctx.get('If-None-Match'), etag)) {
      ctx.status = 304;
      return;
    }
    ctx.status = 200;
    ctx.type = 'application/json';
    ctx.body = body;
  };

  const provision: Handler = async (ctx, params) => {
    const { subject, body: sent } = await creation(ctx);
    const instanceId = decodeId(params.instance_id ?? '', 'instance_id');
    const body = provisionBody(sent);
    const plan = deps.catalog.offered(body.service_id, body.plan_id) ?? (await heldPlan(instanceId, body));
    if (!plan) {
      const known = deps.catalog.knownService(body.service_id);
      throw badRequest(known ? 'plan_id names no plan of this service' : 'service_id names no service of the catalog');
    }
    const done = await provisionVerb(deps, subject, {
      instanceId,
      plan,
      body,
      acceptsIncomplete: acceptsIncomplete(ctx),
    });
    const dashboard_url = dashboardUrl(deps, instanceId);
    if (done.outcome === 'accepted') accepted(ctx, { dashboard_url, operation: done.operation });
    else answer(ctx, done.outcome === 'created' ? 201 : 200, { dashboard_url });
  };

  /** A repeated PUT is answered even when its plan is not on offer any more. */
  async function heldPlan(instanceId: string, body: { service_id: string; plan_id: string }) {
    const instance = await findInstance(manager, instanceId);
    return instance ? deps.catalog.known(body.service_id, body.plan_id) : undefined;
  }

  const fetchInstance: Handler = async (ctx, params) => {
    const { instance } = await onInstance(ctx, params.instance_id, 'read');
    answer(ctx, 200, presentInstance(deps, await fetchInstanceVerb(deps, instance)));
  };

  const update: Handler = async (ctx, params) => {
    const { id, subject } = await onInstance(ctx, params.instance_id, 'update');
    const body = updateBody(await readJsonBody(ctx.req));
    const done = await updateVerb(deps, subject, { instanceId: id, body, acceptsIncomplete: acceptsIncomplete(ctx) });
    const dashboard_url = dashboardUrl(deps, id);
    if (done.outcome === 'accepted') accepted(ctx, { dashboard_url, operation: done.operation });
    else answer(ctx, 200, { dashboard_url });
  };

  const deprovision: Handler = async (ctx, params) => {
    const { id } = await onInstance(ctx, params.instance_id, 'delete', () => {
      requireIds(ctx);
      return gone();
    });
    const { serviceId, planId } = requireIds(ctx);
    const request = { instanceId: id, serviceId, planId, acceptsIncomplete: acceptsIncomplete(ctx) };
    const done = await deprovisionVerb(deps, request);
    if (done.outcome === 'accepted') accepted(ctx, { operation: done.operation });
    else answer(ctx, 200, {});
  };

  const lastOperation: Handler = (ctx, params) =>
    livingOrBuried(ctx, noInstance, params, async () => {
      const { id } = await onInstance(ctx, params.instance_id, 'read');
      return lastOperationVerb(deps, id);
    });

  const bind: Handler = async (ctx, params) => {
    const { id, subject } = await onInstance(ctx, params.instance_id, 'bind');
    const bindingId = decodeId(params.binding_id ?? '', 'binding_id');
    const body = bindBody(await readJsonBody(ctx.req));
    const { outcome, binding, credentials } = await bindVerb(deps, subject, { instanceId: id, bindingId, body });
    ctx.set('Cache-Control', 'no-store');
    answer(ctx, outcome === 'created' ? 201 : 200, presentBinding(deps, binding, credentials));
  };

  const fetchBinding: Handler = async (ctx, params) => {
    const { binding } = await onBinding(ctx, params, 'read');
    ctx.set('Cache-Control', 'no-store');
    answer(ctx, 200, {
      ...presentBinding(deps, binding, unsealCredentials(deps, binding)),
      parameters: binding.parameters,
    });
  };

  const unbind: Handler = async (ctx, params) => {
    const { instanceId, id } = await onBinding(ctx, params, 'delete', () => {
      requireIds(ctx);
      return bindingGone();
    });
    await unbindVerb(deps, { instanceId, bindingId: id, ...requireIds(ctx) });
    answer(ctx, 200, {});
  };

  const lastBindingOperation: Handler = (ctx, params) =>
    livingOrBuried(ctx, noBinding, params, async () => {
      await onBinding(ctx, params, 'read');
      return { state: 'succeeded', description: 'bound' };
    });

  /** A poll may meet the deletion half-way, so the tombstone is looked for after the living one refused, not before. */
  async function livingOrBuried(
    ctx: Context,
    absent: () => OsbError,
    params: Readonly<Record<string, string>>,
    living: () => Promise<LastOperation>,
  ): Promise<void> {
    try {
      poll(ctx, await living());
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const bindingId = params.binding_id === undefined ? '' : await idOf(ctx.req, params.binding_id, 'binding_id');
      const instanceId = await idOf(ctx.req, params.instance_id, 'instance_id');
      const buried = await findTombstone(manager, instanceId, bindingId);
      if (!buried) throw error;
      await presentDeleted(ctx, buried, absent);
    }
  }

  /** What is deleted has no resource any more: its party is enough, everybody else never knew of it. */
  async function presentDeleted(ctx: Context, tombstone: Tombstone, absent: () => OsbError): Promise<void> {
    const subject = await guard.identify(ctx.req);
    if (!subject || !(await guard.confirm(ctx.req, subject)))
      throw await challenge(guard, ctx.req, resources.broker(), 'instance:create');
    if (subject.party !== tombstone.owner && subject.kind !== 'operator') throw absent();
    poll(ctx, lastOperationOfDeleted(deps.clock.nowMs(), tombstone));
  }

  return {
    catalog,
    provision,
    fetchInstance,
    update,
    deprovision,
    lastOperation,
    bind,
    fetchBinding,
    unbind,
    lastBindingOperation,
  };
}

function planNamed(deps: BrokerDeps, body: JsonObject) {
  const { service_id: serviceId, plan_id: planId } = body;
  return typeof serviceId === 'string' && typeof planId === 'string'
    ? deps.catalog.known(serviceId, planId)
    : undefined;
}

/** RFC 9110, 13.1.2: weak comparison. A Cache-Control of the request does not matter to a platform that names the tag. */
function matches(ifNoneMatch: string, etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

const acceptsIncomplete = (ctx: Context) => ctx.URL.searchParams.get('accepts_incomplete') === 'true';

/** service_id and plan_id of a DELETE's query. @throws OsbError `BadRequest` naming what is missing. */
function requireIds(ctx: Context): { serviceId: string; planId: string } {
  const read = (field: string) => {
    const value = ctx.URL.searchParams.get(field) ?? '';
    if (value === '' || value.length > MAX_ID_CHARACTERS || !isStorable(value))
      throw badRequest(`${field} is required in the query`);
    return value;
  };
  return { serviceId: read('service_id'), planId: read('plan_id') };
}

function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.body = body;
}

function accepted(ctx: Context, body: object): void {
  ctx.set('Retry-After', RETRY_AFTER_SECONDS);
  answer(ctx, 202, body);
}

function poll(ctx: Context, operation: LastOperation): void {
  if (operation.state === 'in progress') ctx.set('Retry-After', RETRY_AFTER_SECONDS);
  answer(ctx, 200, operation);
}
