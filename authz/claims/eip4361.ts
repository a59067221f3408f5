import { type Hex, recoverMessageAddress } from 'viem';
import type { ClaimToken, VerifiedClaims } from '../policy/types.js';
import { type BadClaims, bad, isBad } from './bad.js';
import type { ContractSignatures } from './eip1271.js';
import { boundTo, type MessagePlace } from './message-bindings.js';
import { ETHEREUM_ACCOUNT, parseSignInMessage, type SignInMessage } from './sign-in-message.js';
import { decodeJsonToken } from './token-json.js';

export const EIP4361_FORMAT = 'urn:ovsb:claim-token:eip4361';

const PLAIN_SIGNATURE = /^0x[0-9a-fA-F]{130}$/;
/** What a contract wallet may ask to be handed: 4 kB. */
const ANY_SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){1,4096}$/;
/** secp256k1's order, halved: a larger s is the same signature written twice (EIP-2). */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

export interface Eip4361Options extends MessagePlace {
  /** Asks contract wallets; absent: plain accounts only. */
  readonly contracts?: ContractSignatures;
}

/** Verifies base64url(JSON {message, signature}): whoever signed the message is the requesting party. Never throws. */
export async function verifyEip4361(token: ClaimToken, options: Eip4361Options): Promise<VerifiedClaims> {
  const fields = decodeJsonToken(token.token, ['message', 'signature']);
  if (isBad(fields)) return fields as BadClaims;
  const { message: text = '', signature = '' } = fields as Readonly<Record<string, string>>;
  const message = parseSignInMessage(text, ETHEREUM_ACCOUNT);
  if (typeof message === 'string') return bad('format', `not an EIP-4361 message: ${message}`);
  if (!ANY_SIGNATURE.test(signature)) return bad('format', 'the signature is not 0x hex');
  const bound = boundTo(message, token, options);
  if (isBad(bound)) return bound;
  const signer = await signedBy(message, text, signature as Hex, options, token.nowMs);
  if (isBad(signer)) return signer;
  const address = message.account.toLowerCase();
  return {
    kind: 'ok',
    claims: { eth_address: address },
    party: `eip155:${options.chainId}:${address}`,
    address,
    ...bound,
    persistable: signer.persistable,
    boundToTicket: true,
  };
}

/** security.md B6: the account's own key first, code only when that fails. */
async function signedBy(
  message: SignInMessage,
  text: string,
  signature: Hex,
  { contracts }: Eip4361Options,
  nowMs: number,
): Promise<{ readonly persistable: boolean } | BadClaims> {
  if ((await recovered(text, signature)) === message.account.toLowerCase()) return { persistable: true };
  if (contracts === undefined) return bad('signature', 'the signature is not of the account the message names');
  const fault = await contracts.fault(message.account.toLowerCase() as Hex, text, signature, nowMs);
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
