import { type BadClaims, bad } from './bad.js';

/** Larger than any message or proof we accept: bytes of base64url text. */
export const MAX_TOKEN_CHARACTERS = 16_384;

/** A claim token that is base64url(JSON object with string members), canonical and unpadded or padded. */
export function decodeJsonToken(
  token: string,
  members: readonly string[],
): Readonly<Record<string, string>> | BadClaims {
  if (token.length > MAX_TOKEN_CHARACTERS) return bad('format', 'the claim token is too long');
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.toString('base64url') !== token.replace(/=+$/, ''))
    return bad('format', 'the claim token is not base64url');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return bad('format', 'the claim token is not base64url of JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return bad('format', 'the claim token is not a JSON object');
  }
  const fields = value as Record<string, unknown>;
  const absent = members.find((name) => typeof fields[name] !== 'string');
  if (absent !== undefined) return bad('format', `the claim token has no text member "${absent}"`);
  return Object.fromEntries(members.map((name) => [name, String(fields[name])]));
}
