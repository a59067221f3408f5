import { createHash } from 'node:crypto';
import type { PrivateKeyAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';

export const EIP4361 = 'urn:ovsb:claim-token:eip4361';
const LIFETIME_MS = 4 * 60 * 1000;

export interface ClaimFacts {
  readonly ticket: string;
  readonly issuer: string;
  readonly chainId: number;
  readonly clientId: string;
  /** In words: what is asked. One line, no line breaks (EIP-4361). */
  readonly statement: string;
}

/** base64url(JSON {message, signature}): an EIP-4361 message bound to one ticket, one issuer and one OAuth client. */
export async function signClaim(wallet: PrivateKeyAccount, facts: ClaimFacts): Promise<string> {
  const ticketHash = createHash('sha256').update(facts.ticket).digest('hex');
  const now = Date.now();
  const message = createSiweMessage({
    address: wallet.address,
    chainId: facts.chainId,
    domain: new URL(facts.issuer).host,
    uri: facts.issuer,
    version: '1',
    nonce: ticketHash.slice(0, 32),
    statement: facts.statement,
    issuedAt: new Date(now),
    expirationTime: new Date(now + LIFETIME_MS),
    resources: [`urn:ovsb:ticket:${ticketHash}`, `urn:ovsb:client:${facts.clientId}`],
  });
  const signature = await wallet.signMessage({ message });
  return Buffer.from(JSON.stringify({ message, signature })).toString('base64url');
}
