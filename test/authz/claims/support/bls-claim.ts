import { createHash } from 'node:crypto';
import type { SecretKey } from '@chainsafe/blst';
import { BLS_WITHDRAWAL_FORMAT, blsWithdrawalSigningRoot } from '../../../../authz/claims/bls-withdrawal.js';
import { ticketHash, ticketNonce } from '../../../../authz/claims/ticket-binding.js';

/** `claim_token` and its format for this ticket, signed by a BLS withdrawal key. */
export function blsClaim(issuer: string, ticket: string, key: SecretKey) {
  const message = [
    `${new URL(issuer).host} wants you to prove your BLS withdrawal key:`,
    key.toPublicKey().toHex(),
    '',
    `URI: ${issuer}`,
    'Version: 1',
    'Chain ID: 31337',
    `Nonce: ${ticketNonce(ticket)}`,
    `Issued At: ${new Date().toISOString()}`,
    `Expiration Time: ${new Date(Date.now() + 60_000).toISOString()}`,
    'Resources:',
    `- urn:ovsb:ticket:${ticketHash(ticket)}`,
  ].join('\n');
  const signature = `0x${Buffer.from(key.sign(blsWithdrawalSigningRoot(message)).toBytes()).toString('hex')}`;
  return {
    claim_token: Buffer.from(JSON.stringify({ message, signature })).toString('base64url'),
    claim_token_format: BLS_WITHDRAWAL_FORMAT,
  };
}

/** 0x00 and the last 31 bytes of SHA-256 of the key (phase 0, BLS_WITHDRAWAL_PREFIX). */
export function blsCredentials(key: SecretKey): string {
  const hash = createHash('sha256').update(key.toPublicKey().toBytes()).digest('hex');
  return `0x00${hash.slice(2)}`;
}
