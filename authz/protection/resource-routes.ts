import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { compileSchema, problems } from '../../src/validate.js';
import { invalidRequest, notFound, ProtocolError } from '../errors.js';
import { readJson, unsupported } from '../http.js';
import { ownerOf } from './pat.js';
import type { Resource, ResourceDocument } from './resource.js';
import { MAX_RESOURCES, type Resources } from './resources.js';

const text = { type: 'string', maxLength: 1024 };
const LOCALIZED = '^(name|description)#[A-Za-z0-9-]{1,35}$';

export const isDocument = compileSchema<ResourceDocument>({
  type: 'object',
  required: ['resource_scopes'],
  maxProperties: 64,
  properties: {
    resource_scopes: {
      type: 'array',
      maxItems: 128,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 256 },
    },
    name: text,
    description: { ...text, maxLength: 8192 },
    icon_uri: { ...text, format: 'uri' },
    type: { ...text, minLength: 1 },
  },
  patternProperties: { [LOCALIZED]: { type: 'string', maxLength: 8192 } },
});

/** Resource registration (UMA Federated Authorization 3): exactly five operations. */
export function resourceRoutes(resources: Resources, pat: Middleware, issuer: string): Router {
  const router = new Router();
  const collection = '/resources';
  const item = `${collection}/:id`;
  router.get(collection, pat, async (ctx) => {
    ctx.body = await resources.idsOf(ownerOf(ctx));
  });
  router.post(collection, pat, async (ctx) => {
    const id = await resources.create(ownerOf(ctx), await readDocument(ctx));
    if (id === undefined)
      throw new ProtocolError(403, 'limit_exceeded', `no more than ${MAX_RESOURCES} resources of one owner`);
    ctx.status = 201;
    ctx.set('Location', `${issuer}/resources/${id}`);
    ctx.body = { _id: id };
  });
  router.get(item, pat, async (ctx) => {
    const resource = await find(resources, ctx);
    ctx.body = { _id: resource.id, ...resource.document };
  });
  router.put(item, pat, async (ctx) => {
    const { id } = await findOwn(resources, ctx);
    if (!(await resources.replace(ownerOf(ctx), id, await readDocument(ctx)))) throw notFound();
    ctx.body = { _id: id };
  });
  router.delete(item, pat, async (ctx) => {
    const { id } = await findOwn(resources, ctx);
    if (!(await resources.withdraw(id))) throw notFound();
    ctx.status = 204;
  });
  router.all(collection, pat, unsupported('GET, POST'));
  router.all(item, pat, unsupported('GET, PUT, DELETE'));
  return router;
}

async function find(resources: Resources, ctx: Context): Promise<Resource> {
  const id = (ctx.params as { id?: string }).id ?? '';
  // Ids are base64url; anything else is none of ours.
  const resource = /^[\w-]{1,64}$/.test(id) ? await resources.ofOwner(ownerOf(ctx), id) : undefined;
  if (resource === undefined) throw notFound();
  return resource;
}

/** One that may be changed over HTTP: what the broker registered in process follows the broker alone. */
async function findOwn(resources: Resources, ctx: Context): Promise<Resource> {
  const resource = await find(resources, ctx);
  if (resource.inProcess) throw invalidRequest('this resource is kept by the broker itself');
  return resource;
}

async function readDocument(ctx: Context): Promise<ResourceDocument> {
  const body = await readJson(ctx);
  if (!isDocument(body)) throw invalidRequest(problems(isDocument.errors).join('; '));
  const known = Object.entries(body).filter(([name]) => DOCUMENT_MEMBERS.has(name) || new RegExp(LOCALIZED).test(name));
  return Object.fromEntries(known) as unknown as ResourceDocument;
}

const DOCUMENT_MEMBERS = new Set(['resource_scopes', 'name', 'description', 'icon_uri', 'type']);
