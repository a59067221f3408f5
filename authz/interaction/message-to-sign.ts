import { getAddress } from 'viem';
import { createSiweMessage } from 'viem/siwe';
import { ticketHash, ticketNonce } from '../claims/ticket-binding.js';

const LIFETIME_MS = 240_000;
const MAX_STATEMENT = 400;

export interface MessageFacts {
  readonly issuer: string;
  readonly chainId: number;
  /** Checked to be one. */
  readonly address: string;
  readonly ticket: string;
  readonly clientId: string;
  readonly wanted: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  readonly nowMs: number;
}

/** EIP-4361 text whose statement says in words what the signature is for. */
export function messageToSign({ issuer, chainId, address, ticket, clientId, wanted, nowMs }: MessageFacts): string {
  return createSiweMessage({
    domain: new URL(issuer).host,
    address: getAddress(address),
    statement: statementOf(wanted),
    uri: issuer,
    version: '1',
    chainId,
    nonce: ticketNonce(ticket),
    issuedAt: new Date(nowMs),
    expirationTime: new Date(nowMs + LIFETIME_MS),
    resources: [`urn:ovsb:ticket:${ticketHash(ticket)}`, `urn:ovsb:client:${encodeURIComponent(clientId)}`],
  });
}

function statementOf(wanted: MessageFacts['wanted']): string {
  const uses = wanted.map(({ name, scopes }) => (scopes.length === 0 ? name : `${name} (${scopes.join(', ')})`));
  const use = plain(`Use ${uses.join('; ')}`);
  const short = use.length <= MAX_STATEMENT ? use : `${use.slice(0, MAX_STATEMENT)}...`;
  return `${short}. Prove to the application named on the page that this account is yours. This moves no funds.`;
}

/** EIP-4361 gives the statement RFC 3986's characters and the space. */
function plain(text: string): string {
  return text.replace(/[^\w\-.~:/?#[\]@!$&'()*+,;= ]/gu, '?');
}
