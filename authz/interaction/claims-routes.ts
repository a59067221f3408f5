import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { isAddress } from 'viem';
import type { Assessor } from '../assessor.js';
import { EIP4361_FORMAT } from '../claims/eip4361.js';
import { ID_TOKEN_FORMAT } from '../claims/id-token.js';
import { invalidRequest, ProtocolError } from '../errors.js';
import { addProof, NO_CLAIMS, proofOf } from '../gathered-claims.js';
import { readForm } from '../http.js';
import type { ClaimVerifier, VerifiedClaims } from '../policy/types.js';
import type { Resources } from '../protection/resources.js';
import type { SpentTicket, Tickets } from '../protection/tickets.js';
import { isOwnForm, issueCsrf } from './csrf.js';
import {
  type InteractionRequest,
  queryOf,
  type Refusal,
  readInteraction,
  redirectBack,
} from './interaction-request.js';
import { messageToSign } from './message-to-sign.js';
import { neededClaims } from './needed-claims.js';
import { ASSETS, claimsPage, faultPage, sendPage } from './pages.js';
import type { SignIn } from './sign-in.js';

export interface InteractionParts {
  readonly issuer: string;
  readonly operatorId: string;
  readonly assessor: Assessor;
  readonly chainId: number;
  readonly provider: () => Provider;
  readonly tickets: Tickets;
  readonly resources: Resources;
  readonly claims: ClaimVerifier;
  readonly signIn: SignIn;
  readonly nowMs: () => number;
}

/** The claims interaction endpoint (UMA Grant 3.3.2): the party sees what is asked, proves itself, and goes back. */
export function claimsRoutes(parts: InteractionParts): Router {
  const router = new Router();
  router.get('/claims', (ctx) => open(parts, ctx));
  router.post('/claims', (ctx) => submit(parts, ctx));
  router.post('/claims/message', (ctx) => composeMessage(parts, ctx));
  router.get('/claims/callback', (ctx) => signedIn(parts, ctx));
  router.get('/claims/:asset', (ctx, next) => {
    const asset = ASSETS[(ctx.params as { asset?: string }).asset ?? ''];
    if (asset === undefined) return next();
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.type = asset.type;
    ctx.body = asset.text;
  });
  return router;
}

/** Spends the ticket and shows the page, whose form carries its successor. */
async function open(parts: InteractionParts, ctx: Context): Promise<void> {
  const request = await asked(parts, ctx, () => queryOf(ctx));
  if (request === undefined) return;
  if (request.ticket === undefined) return redirectBack(ctx, request, { error: 'invalid_request' });
  const ticket = await parts.tickets.consume(request.ticket, request.clientId);
  if (ticket === undefined) return redirectBack(ctx, request, { error: 'invalid_grant' });
  await show(parts, ctx, request, ticket);
}

async function show(
  parts: InteractionParts,
  ctx: Context,
  request: InteractionRequest,
  ticket: SpentTicket,
  problem?: string,
): Promise<void> {
  const resources = await parts.resources.byIds(ticket.permissions.map(({ resourceId }) => resourceId));
  const next = await parts.tickets.create(ticket);
  const offered = await parts.signIn.offered();
  const page = claimsPage({
    issuer: parts.issuer,
    clientId: request.clientId,
    clientName: request.clientName,
    redirectUri: request.redirectUri,
    resources: ticket.permissions.map(({ resourceId, scopes }) => {
      const resource = resources.get(resourceId);
      return { name: resource?.document.name ?? resource?.key ?? 'a resource that is gone', scopes };
    }),
    fields: {
      client_id: request.clientId,
      claims_redirect_uri: request.redirectUri,
      ...(request.state !== undefined && { state: request.state }),
      ticket: next,
      csrf: issueCsrf(ctx, parts.issuer, next),
    },
    proved: (ticket.gathered ?? NO_CLAIMS).proofs.map(({ party }) => party),
    needed: await neededClaims(parts, request.clientId, ticket, resources),
    signIn: offered,
    ...(problem !== undefined && { problem }),
  });
  sendPage(ctx, problem === undefined ? 200 : 422, page, [
    formTarget(request.redirectUri),
    ...offered.map(({ origin }) => origin),
  ]);
}

async function submit(parts: InteractionParts, ctx: Context): Promise<void> {
  let form: Readonly<Record<string, string>> = {};
  const request = await asked(parts, ctx, async () => {
    form = await readForm(ctx);
    return form;
  });
  if (request === undefined) return;
  if (request.ticket === undefined || !isOwnForm(ctx, parts.issuer, request.ticket, form.csrf ?? '')) {
    sendPage(ctx, 403, faultPage(parts.issuer, 'The form was not sent from this page, or the page is too old.'));
    return;
  }
  const index = /^sign-in-(\d)$/.exec(form.action ?? '')?.[1];
  if (index !== undefined) return startSignIn(parts, ctx, request, request.ticket, form, Number(index));
  const ticket = await parts.tickets.consume(request.ticket, request.clientId);
  if (ticket === undefined) return redirectBack(ctx, request, { error: 'invalid_grant' });
  if (form.action !== 'wallet') return redirectBack(ctx, request, { error: 'access_denied' });
  const verified = await verify(parts, request.ticket, request.clientId, ticket, form);
  await conclude(parts, ctx, request, ticket, verified, form.persist === 'yes');
}

/**
 * Back to the client with what was proved, whether or not the policies need more: it is told so and may send the party
 * again (UMA Grant 3.3.6). Or the page again with what was wrong; the old ticket is spent either way.
 */
async function conclude(
  parts: InteractionParts,
  ctx: Context,
  request: InteractionRequest,
  ticket: SpentTicket,
  verified: VerifiedClaims,
  persist: boolean,
): Promise<void> {
  if (verified.kind === 'bad') return show(parts, ctx, request, ticket, `Not accepted: ${verified.description}.`);
  const gathered = addProof(ticket.gathered ?? NO_CLAIMS, proofOf(verified, persist));
  redirectBack(ctx, request, { ticket: await parts.tickets.create({ ...ticket, gathered }) });
}

async function startSignIn(
  parts: InteractionParts,
  ctx: Context,
  request: InteractionRequest,
  ticket: string,
  form: Readonly<Record<string, string>>,
  index: number,
): Promise<void> {
  const url = await parts.signIn.authorizationUrl({
    index,
    ticket,
    clientId: request.clientId,
    redirectUri: request.redirectUri,
    ...(request.state !== undefined && { state: request.state }),
    persist: form.persist === 'yes',
    csrf: form.csrf ?? '',
  });
  if (url === undefined) {
    sendPage(ctx, 503, faultPage(parts.issuer, 'The sign-in service cannot be reached now.'));
    return;
  }
  ctx.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  ctx.status = 303;
  ctx.set('Location', url);
  ctx.body = '';
}

/** The issuer sends the party back here. */
async function signedIn(parts: InteractionParts, ctx: Context): Promise<void> {
  const { state = '', code } = ctx.query;
  const sealed = typeof state === 'string' ? parts.signIn.open(state) : undefined;
  if (sealed === undefined || !isOwnForm(ctx, parts.issuer, sealed.ticket, sealed.csrf)) {
    sendPage(ctx, 403, faultPage(parts.issuer, 'This sign-in was not begun here, or is too old.'));
    return;
  }
  const request = await asked(parts, ctx, () => ({
    client_id: sealed.clientId,
    claims_redirect_uri: sealed.redirectUri,
    ...(sealed.state !== undefined && { state: sealed.state }),
  }));
  if (request === undefined) return;
  const ticket = await parts.tickets.consume(sealed.ticket, request.clientId);
  if (ticket === undefined) return redirectBack(ctx, request, { error: 'invalid_grant' });
  const token = typeof code === 'string' ? await parts.signIn.idToken(sealed, code) : undefined;
  if (token === undefined) return show(parts, ctx, request, ticket, 'The sign-in was not completed.');
  const verified = await parts.claims.verify({
    format: ID_TOKEN_FORMAT,
    token,
    ticket: sealed.ticket,
    clientId: request.clientId,
    nowMs: parts.nowMs(),
  });
  await conclude(parts, ctx, request, ticket, verified, sealed.persist);
}

function verify(
  parts: InteractionParts,
  ticket: string,
  clientId: string,
  { permissions }: SpentTicket,
  form: Readonly<Record<string, string>>,
): Promise<VerifiedClaims> {
  const { message = '', signature = '' } = form;
  return parts.claims.verify({
    format: EIP4361_FORMAT,
    // Forms turn line ends into CRLF; the message was signed with LF.
    token: Buffer.from(JSON.stringify({ message: message.replaceAll('\r\n', '\n'), signature })).toString('base64url'),
    ticket,
    clientId,
    resourceIds: permissions.map(({ resourceId }) => resourceId),
    nowMs: parts.nowMs(),
  });
}

/** The EIP-4361 message for this account and this page's ticket; it binds client and ticket (security.md B7). */
async function composeMessage(parts: InteractionParts, ctx: Context): Promise<void> {
  const form = await readForm(ctx);
  const { ticket = '', address = '', client_id: clientId = '', csrf = '' } = form;
  const asked = isOwnForm(ctx, parts.issuer, ticket, csrf) ? await parts.tickets.peek(ticket, clientId) : undefined;
  if (asked === undefined) throw new ProtocolError(403, 'access_denied', 'the page is too old: start again');
  if (!isAddress(address, { strict: false })) throw invalidRequest('address must be an Ethereum address');
  const resources = await parts.resources.byIds(asked.permissions.map(({ resourceId }) => resourceId));
  const wanted = asked.permissions.map(({ resourceId, scopes }) => {
    const resource = resources.get(resourceId);
    return { name: resource?.document.name ?? resource?.key ?? '', scopes };
  });
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { message: messageToSign({ ...parts, address, ticket, clientId, wanted, nowMs: parts.nowMs() }) };
}

/** The request, or undefined when a page has said why not. */
async function asked(
  parts: InteractionParts,
  ctx: Context,
  read: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>,
): Promise<InteractionRequest | undefined> {
  const request = await readOrRefuse(parts, read);
  if (!('refusal' in request)) return request;
  sendPage(ctx, 400, faultPage(parts.issuer, request.refusal));
  return undefined;
}

async function readOrRefuse(
  parts: InteractionParts,
  read: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>,
): Promise<InteractionRequest | Refusal> {
  try {
    return await readInteraction(parts.provider(), await read());
  } catch (fault) {
    if (fault instanceof ProtocolError) return { refusal: `The request is malformed: ${fault.description}.` };
    throw fault;
  }
}

function formTarget(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri);
  return origin === 'null' ? protocol : origin;
}
