import { createHash } from 'node:crypto';

/** EIP-4361 allows any alphanumeric nonce; this one makes a signature good for one ticket. */
const NONCE_DIGITS = 32;

/** Lower-case hex SHA-256 of the permission ticket. */
export function ticketHash(ticket: string): string {
  return createHash('sha256').update(ticket, 'utf8').digest('hex');
}

/** The nonce a message for this ticket must carry: the first 32 hex digits of its hash. */
export function ticketNonce(ticket: string): string {
  return ticketHash(ticket).slice(0, NONCE_DIGITS);
}
