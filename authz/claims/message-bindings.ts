import { isEncryptionPublicKey } from '../../src/encrypt-to.js';
import type { ClaimToken } from '../policy/types.js';
import { type BadClaims, bad } from './bad.js';
import type { SignInMessage } from './sign-in-message.js';
import { ticketHash, ticketNonce } from './ticket-binding.js';

/** product.md: expiration at most five minutes ahead; clocks may differ by a little. */
const MAX_LIFETIME_MS = 300_000;
const CLOCK_TOLERANCE_MS = 5_000;

/** Where a message must have been meant for. */
export interface MessagePlace {
  /** `<public_url>/authz`. */
  readonly issuer: string;
  /** EIP-155 id of the network whose wallets sign. */
  readonly chainId: number;
}

/** Is this message for this server, this ticket, this client, now? Its encryption key when it is; else what is wrong. */
export function boundTo(
  message: SignInMessage,
  token: ClaimToken,
  place: MessagePlace,
): { readonly encryptionPublicKey?: string } | BadClaims {
  const bindings = readBindings(message.resources);
  const fault =
    faultOfPlace(message, place) ??
    faultOfTicket(message, bindings, token) ??
    faultOfTime(message, token.nowMs) ??
    faultOfBindings(bindings, token);
  const encryptionPublicKey = bindings.encryptionKeys[0];
  return fault ?? (encryptionPublicKey === undefined ? {} : { encryptionPublicKey });
}

interface Bindings {
  readonly tickets: readonly string[];
  readonly encryptionKeys: readonly string[];
  readonly clients: readonly string[];
  readonly resources: readonly string[];
}

/** What the message's resources bind the signature to; resources of others are none of our business. */
function readBindings(resources: readonly string[]): Bindings {
  const after = (prefix: string) =>
    resources.filter((resource) => resource.startsWith(prefix)).map((resource) => resource.slice(prefix.length));
  return {
    tickets: after('urn:ovsb:ticket:'),
    encryptionKeys: after('urn:ovsb:x25519:'),
    clients: after('urn:ovsb:client:'),
    resources: after('urn:ovsb:resource:'),
  };
}

function faultOfPlace(message: SignInMessage, { issuer, chainId }: MessagePlace): BadClaims | undefined {
  const { host } = new URL(issuer);
  if (message.domain.toLowerCase() !== host) return bad('domain', `the message is for another domain than ${host}`);
  if (message.uri !== issuer) return bad('domain', `the message's URI is not ${issuer}`);
  if (message.chainId !== chainId) return bad('chain', `the message's chain id is not ${chainId}`);
  return undefined;
}

function faultOfTicket(message: SignInMessage, bindings: Bindings, { ticket }: ClaimToken): BadClaims | undefined {
  if (message.nonce !== ticketNonce(ticket)) return bad('nonce', 'the nonce is not that of this ticket');
  if (bindings.tickets.length !== 1) return bad('format', 'resources must name one urn:ovsb:ticket:');
  if (bindings.tickets[0] !== ticketHash(ticket)) return bad('nonce', 'resources name another ticket');
  return undefined;
}

function faultOfTime(message: SignInMessage, nowMs: number): BadClaims | undefined {
  const { expirationMs, notBeforeMs } = message;
  if (expirationMs === undefined) return bad('expired', 'the message must carry an Expiration Time');
  if (expirationMs <= nowMs) return bad('expired', 'the message has expired');
  if (expirationMs > nowMs + MAX_LIFETIME_MS + CLOCK_TOLERANCE_MS) {
    return bad('expired', 'the message must expire within 5 minutes');
  }
  if (notBeforeMs !== undefined && notBeforeMs > nowMs) return bad('expired', 'the message is not valid yet');
  return undefined;
}

function faultOfBindings(bindings: Bindings, token: ClaimToken): BadClaims | undefined {
  if (bindings.encryptionKeys.length > 1) return bad('format', 'resources name more than one urn:ovsb:x25519:');
  if (!bindings.encryptionKeys.every(isEncryptionPublicKey))
    return bad('format', 'urn:ovsb:x25519: is not a usable key');
  // As it is, or as a URI must write it.
  const names = [token.clientId, encodeURIComponent(token.clientId)];
  if (bindings.clients.some((client) => !names.includes(client))) {
    return bad('client', 'the message was signed for another client');
  }
  const { resourceIds } = token;
  if (resourceIds !== undefined && bindings.resources.some((id) => !resourceIds.includes(id))) {
    return bad('resource', 'the message was signed for another resource');
  }
  return undefined;
}
