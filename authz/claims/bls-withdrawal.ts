import { createHash } from 'node:crypto';
import { PublicKey, Signature, verify } from '@chainsafe/blst';
import type { ClaimToken, VerifiedClaims } from '../policy/types.js';
import { type BadClaims, bad, isBad } from './bad.js';
import { boundTo, type MessagePlace } from './message-bindings.js';
import { type MessageKind, parseSignInMessage } from './sign-in-message.js';
import { decodeJsonToken } from './token-json.js';

export const BLS_WITHDRAWAL_FORMAT = 'urn:ovsb:claim-token:bls-withdrawal';

/** The message of a holder of 0x00 credentials: EIP-4361's lines, with the BLS withdrawal public key as the account. */
const BLS_WITHDRAWAL_KEY: MessageKind = {
  head: /^([^\s/]+) wants you to prove your BLS withdrawal key:$/,
  account: /^0x[0-9a-f]{96}$/,
};
const SIGNATURE = /^0x[0-9a-fA-F]{192}$/;

/**
 * Domain type `OVS` + 0x01. The consensus specification sets aside the types with DOMAIN_APPLICATION_MASK (0x00000001) for
 * applications; the builder API's is 0x00000001 itself. So no signature made here is a consensus or builder signature (C7).
 */
const DOMAIN = Buffer.concat([
  Buffer.from('OVS\x01', 'latin1'),
  sha256(Buffer.from(BLS_WITHDRAWAL_FORMAT)).subarray(0, 28),
]);

/** The 32 bytes that the withdrawal key signs for `message`: SigningData's shape over SHA-256 of its UTF-8 text. */
export function blsWithdrawalSigningRoot(message: string): Buffer {
  return sha256(Buffer.concat([sha256(Buffer.from(message, 'utf8')), DOMAIN]));
}

/** Verifies base64url(JSON {message, signature}); proves the 0x00 withdrawal credentials of the key. Never throws. */
export function verifyBlsWithdrawal(token: ClaimToken, place: MessagePlace): VerifiedClaims {
  const fields = decodeJsonToken(token.token, ['message', 'signature']);
  if (isBad(fields)) return fields as BadClaims;
  const { message: text = '', signature = '' } = fields as Readonly<Record<string, string>>;
  const message = parseSignInMessage(text, BLS_WITHDRAWAL_KEY);
  if (typeof message === 'string') return bad('format', `not a BLS withdrawal message: ${message}`);
  if (!SIGNATURE.test(signature)) return bad('format', 'the signature is not 0x and 192 hex digits');
  const bound = boundTo(message, token, place);
  if (isBad(bound)) return bound;
  if (!signed(text, message.account, signature))
    return bad('signature', 'the signature is not of the key the message names');
  const withdrawalCredentials = credentialsOf(message.account);
  return {
    kind: 'ok',
    claims: { bls_withdrawal_public_key: message.account, withdrawal_credentials: withdrawalCredentials },
    party: `bls:${message.account}`,
    withdrawalCredentials,
    ...bound,
    persistable: true,
    boundToTicket: true,
  };
}

function signed(message: string, publicKey: string, signature: string): boolean {
  try {
    const key = PublicKey.fromHex(publicKey, true);
    return verify(blsWithdrawalSigningRoot(message), key, Signature.fromHex(signature, true, true));
  } catch {
    return false;
  }
}

/** BLS_WITHDRAWAL_PREFIX and the last 31 bytes of the key's SHA-256 (phase 0 specification). */
function credentialsOf(publicKey: string): string {
  const hash = sha256(Buffer.from(publicKey.slice(2), 'hex'));
  return `0x00${hash.subarray(1).toString('hex')}`;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
