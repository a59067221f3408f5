import { isStorable } from '../../src/validate.js';
import { badRequest } from '../errors.js';

/** OSB 2.17 and broker.md 7: at most 255 characters after percent-decoding. */
export const MAX_ID_CHARACTERS = 255;

/**
 * An id of the path, percent-decoded.
 * @throws OsbError `BadRequest` naming the field, for a broken encoding, nothing, or too much.
 */
export function decodeId(raw: string, field: string): string {
  const id = decoded(raw);
  if (id === undefined) throw badRequest(`${field} is not percent-encoded UTF-8 text`);
  if (id === '' || [...id].length > MAX_ID_CHARACTERS)
    throw badRequest(`${field} must have 1 to ${MAX_ID_CHARACTERS} characters`);
  return id;
}

function decoded(raw: string): string | undefined {
  try {
    const id = decodeURIComponent(raw);
    return isStorable(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
