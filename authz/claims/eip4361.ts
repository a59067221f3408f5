import { type Hex, recoverMessageAddress } from 'viem';
import { isEncryptionPublicKey } from '../../src/encrypt-to.js';
import type { ClaimToken, VerifiedClaims } from '../policy/types.js';
import { type BadClaims, bad, isBad } from './bad.js';
import type { ContractSignatures } from './eip1271.js';
import { parseSignInMessage, type SignInMessage } from './eip4361-message.js';
import { ticketHash, ticketNonce } from './ticket-binding.js';
import { decodeJsonToken } from './token-json.js';

export const EIP4361_FORMAT = 'urn:ovsb:claim-token:eip4361';

/** product.md: expiration at most five minutes ahead; clocks may differ by a little. */
const MAX_LIFETIME_MS = 300_000;
const CLOCK_TOLERANCE_MS = 5_000;
const PLAIN_SIGNATURE = /^0x[0-9a-fA-F]{130}$/;
/** What a contract wallet may ask to be handed: 4 kB. */
const ANY_SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){1,4096}$/;
/** secp256k1's order, halved: a larger s is the same signature written twice (EIP-2). */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

export interface Eip4361Options {
  /** `<public_url>/authz`. */
  readonly issuer: string;
  readonly chainId: number;
  /** Asks contract wallets; absent: plain accounts only. */
  readonly contracts?: ContractSignatures;
}

/** A claim token with what the caller knows beside it. */
export interface BoundClaimToken extends ClaimToken {
  /** Resource ids of the ticket; a message that names another resource is refused. */
  readonly resourceIds?: readonly string[];
}

/** Verifies base64url(JSON {message, signature}): whoever signed the message is the requesting party. Never throws. */
export async function verifyEip4361(token: BoundClaimToken, options: Eip4361Options): Promise<VerifiedClaims> {
  const fields = decodeJsonToken(token.token, ['message', 'signature']);
  if (isBad(fields)) return fields as BadClaims;
  const { message: text = '', signature = '' } = fields as Readonly<Record<string, string>>;
  const message = parseSignInMessage(text);
  if (typeof message === 'string') return bad('format', `not an EIP-4361 message: ${message}`);
  if (!ANY_SIGNATURE.test(signature)) return bad('format', 'the signature is not 0x hex');
  const bindings = readBindings(message.resources);
  const fault =
    faultOfPlace(message, options) ??
    faultOfTicket(message, bindings, token) ??
    faultOfTime(message, token.nowMs) ??
    faultOfBindings(bindings, token);
  if (fault !== undefined) return fault;
  const signer = await signedBy(message, text, signature as Hex, options, token.nowMs);
  if (isBad(signer)) return signer;
  const address = message.address.toLowerCase();
  return {
    kind: 'ok',
    claims: { eth_address: address },
    party: `eip155:${options.chainId}:${address}`,
    address,
    ...(bindings.encryptionKeys[0] === undefined ? {} : { encryptionPublicKey: bindings.encryptionKeys[0] }),
    persistable: signer.persistable,
  };
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

function faultOfPlace(message: SignInMessage, { issuer, chainId }: Eip4361Options): BadClaims | undefined {
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

function faultOfBindings(bindings: Bindings, token: BoundClaimToken): BadClaims | undefined {
  if (bindings.encryptionKeys.length > 1) return bad('format', 'resources name more than one urn:ovsb:x25519:');
  if (!bindings.encryptionKeys.every(isEncryptionPublicKey))
    return bad('format', 'urn:ovsb:x25519: is not a usable key');
  if (bindings.clients.some((client) => client !== token.clientId)) {
    return bad('client', 'the message was signed for another client');
  }
  const { resourceIds } = token;
  if (resourceIds !== undefined && bindings.resources.some((id) => !resourceIds.includes(id))) {
    return bad('resource', 'the message was signed for another resource');
  }
  return undefined;
}

/** security.md B6: the account's own key first, code only when that fails. */
async function signedBy(
  message: SignInMessage,
  text: string,
  signature: Hex,
  { contracts }: Eip4361Options,
  nowMs: number,
): Promise<{ readonly persistable: boolean } | BadClaims> {
  if ((await recovered(text, signature)) === message.address.toLowerCase()) return { persistable: true };
  if (contracts === undefined) return bad('signature', 'the signature is not of the account the message names');
  const fault = await contracts.fault(message.address.toLowerCase() as Hex, text, signature, nowMs);
  return fault ?? { persistable: false };
}

/** The lower-case address whose key made the signature; undefined when there is none. */
async function recovered(message: string, signature: Hex): Promise<string | undefined> {
  if (!PLAIN_SIGNATURE.test(signature) || BigInt(`0x${signature.slice(66, 130)}`) > HALF_ORDER) return undefined;
  try {
    return (await recoverMessageAddress({ message, signature })).toLowerCase();
  } catch {
    return undefined;
  }
}
