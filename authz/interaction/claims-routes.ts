import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { getAddress, isAddress } from 'viem';
import { createSiweMessage } from 'viem/siwe';
import { ticketHash, ticketNonce } from '../claims/ticket-binding.js';
import { invalidRequest, ProtocolError } from '../errors.js';
import { addClaims, NO_CLAIMS } from '../gathered-claims.js';
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
import { ASSETS, claimsPage, faultPage, sendPage } from './pages.js';

const WALLET_FORMAT = 'urn:ovsb:claim-token:eip4361';
const MESSAGE_LIFETIME_MS = 240_000;

export interface InteractionParts {
  readonly issuer: string;
  readonly chainId: number;
  readonly provider: () => Provider;
  readonly tickets: Tickets;
  readonly resources: Resources;
  readonly claims: ClaimVerifier;
  readonly nowMs: () => number;
}

/** The claims interaction endpoint (UMA Grant 3.3.2): the party sees what is asked, proves itself, and goes back. */
export function claimsRoutes(parts: InteractionParts): Router {
  const router = new Router();
  router.get('/claims', (ctx) => open(parts, ctx));
  router.post('/claims', (ctx) => submit(parts, ctx));
  router.post('/claims/message', (ctx) => composeMessage(parts, ctx));
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
    signIn: [],
    ...(problem !== undefined && { problem }),
  });
  sendPage(ctx, problem === undefined ? 200 : 422, page, formTarget(request.redirectUri));
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
  const ticket = await parts.tickets.consume(request.ticket, request.clientId);
  if (ticket === undefined) return redirectBack(ctx, request, { error: 'invalid_grant' });
  if (form.action !== 'wallet') return redirectBack(ctx, request, { error: 'access_denied' });
  const verified = await verify(parts, request.ticket, request.clientId, ticket, form);
  if (verified.kind === 'bad') return show(parts, ctx, request, ticket, `Not accepted: ${verified.description}.`);
  const gathered = addClaims(ticket.gathered ?? NO_CLAIMS, verified);
  const persist = form.persist === 'yes';
  redirectBack(ctx, request, { ticket: await parts.tickets.create({ ...ticket, gathered: { ...gathered, persist } }) });
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
    format: WALLET_FORMAT,
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
  if (!isOwnForm(ctx, parts.issuer, ticket, csrf))
    throw new ProtocolError(403, 'access_denied', 'the page is too old: start again');
  if (!isAddress(address, { strict: false })) throw invalidRequest('address must be an Ethereum address');
  const now = parts.nowMs();
  ctx.set('Cache-Control', 'no-store');
  ctx.body = {
    message: createSiweMessage({
      domain: new URL(parts.issuer).host,
      address: getAddress(address),
      statement: 'Prove to the application named on this page that this account is yours. This moves no funds.',
      uri: parts.issuer,
      version: '1',
      chainId: parts.chainId,
      nonce: ticketNonce(ticket),
      issuedAt: new Date(now),
      expirationTime: new Date(now + MESSAGE_LIFETIME_MS),
      resources: [`urn:ovsb:ticket:${ticketHash(ticket)}`, `urn:ovsb:client:${encodeURIComponent(clientId)}`],
    }),
  };
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
