import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { invalidRequest, notFound, ProtocolError } from '../../errors.js';
import { readText, unsupported } from '../../http.js';
import { ownerOf } from '../../protection/pat.js';
import { PolicyFault } from '../fault.js';
import { statementsOf } from '../statements.js';
import type { Preconditions } from './owner-documents.js';
import type { OwnerPolicies } from './owner-policies.js';

export interface PolicyRouteParts {
  readonly owners: OwnerPolicies;
  readonly operatorId: string;
  /** Hash of the policies that rule this owner's resources. */
  readonly policySet: (owner: string) => string;
}

const MAX_BYTES = 32_768;
const CEDAR_TYPE = 'text/plain; charset=utf-8';
const ETAGS = /^"[\x21\x23-\x7e]*"(\s*,\s*"[\x21\x23-\x7e]*")*$/;

/** GET, PUT and DELETE /policies: what the owner of a PAT has to say about its own resources, as one Cedar document. */
export function policyRoutes(parts: PolicyRouteParts, pat: Middleware): Router {
  const { owners } = parts;
  const router = new Router();
  router.use('/policies', (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    return next();
  });
  router.get('/policies', pat, async (ctx) => {
    const document = await owners.documents.find(secondOwner(parts, ctx));
    if (document === undefined) throw notFound();
    ctx.set('ETag', `"${document.etag}"`);
    ctx.type = CEDAR_TYPE;
    ctx.body = document.text;
  });
  router.put('/policies', pat, async (ctx) => {
    const owner = secondOwner(parts, ctx);
    const conditions = preconditions(ctx);
    const text = await readDocument(ctx);
    const created = await put(parts, { owner, text }, conditions);
    const etag = (await owners.documents.find(owner))?.etag;
    if (etag !== undefined) ctx.set('ETag', `"${etag}"`);
    ctx.status = created ? 201 : 200;
    ctx.body = { policies: statementsOf(text).length, policy_set: parts.policySet(owner) };
  });
  router.delete('/policies', pat, async (ctx) => {
    if (!(await owners.remove(secondOwner(parts, ctx), preconditions(ctx)))) throw notFound();
    ctx.status = 204;
  });
  router.all('/policies', pat, unsupported('GET, PUT, DELETE'));
  return router;
}

/** The operator's policies are its files, with their own way of being changed. */
function secondOwner({ operatorId }: PolicyRouteParts, ctx: Context): string {
  const owner = ownerOf(ctx);
  if (owner === operatorId) throw invalidRequest("the operator's policies are files: edit those");
  return owner;
}

async function put(
  { owners }: PolicyRouteParts,
  document: { readonly owner: string; readonly text: string },
  conditions: Preconditions,
): Promise<boolean> {
  try {
    return await owners.put(document, conditions);
  } catch (thrown) {
    if (!(thrown instanceof PolicyFault)) throw thrown;
    const faults = thrown.faults.map(({ line, column, message, fix }) => ({ line, column, message, fix }));
    const lines = faults.map(({ line, column, message, fix }) => {
      return `${line}:${column}: ${message}${fix === undefined ? '' : ` — ${fix}`}`;
    });
    throw new ProtocolError(400, 'invalid_request', lines.join('\n'), {}, { faults });
  }
}

async function readDocument(ctx: Context): Promise<string> {
  if (ctx.get('content-type') !== '' && !ctx.is('text/*')) throw invalidRequest('the body must be text/plain: Cedar');
  const text = await readText(ctx);
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new ProtocolError(413, 'invalid_request', `the policies must be at most ${MAX_BYTES} bytes`);
  if (text.includes('\0')) throw invalidRequest('the body must be text without NUL');
  return text;
}

/** RFC 9110 13.1.1 and 13.1.2. */
function preconditions(ctx: Context): Preconditions {
  const match = ctx.get('if-match').trim();
  const noneMatch = ctx.get('if-none-match').trim();
  if (match !== '' && match !== '*' && !ETAGS.test(match)) throw invalidRequest('If-Match is * or ETags');
  if (noneMatch !== '' && noneMatch !== '*') throw invalidRequest('If-None-Match is * here');
  return {
    ...(match !== '' && { ifMatch: match === '*' ? match : match.split(',').map((etag) => etag.trim()) }),
    ...(noneMatch === '*' && { ifNoneMatch: noneMatch }),
  };
}
