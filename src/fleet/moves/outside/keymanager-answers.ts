import { DomainError } from '../../../errors.js';
import { parseInterchange, watermarkOf } from '../../../keys/slashing-protection/interchange.js';
import type { Watermark } from '../../../keys/slashing-protection/watermark.js';
import type { DeleteStatus, ImportStatus } from '../ports.js';

/** Answers of a Keymanager API, parsed tolerantly: what is not understood is undefined, never guessed. */
type Item = Readonly<Record<string, unknown>>;

export function listedKeys(body: unknown): string[] | undefined {
  const items = itemsOf(body);
  const keys = items?.map((item) => item.validating_pubkey ?? item.pubkey);
  return keys?.every((key) => typeof key === 'string') ? keys.map((key) => withPrefix(key).toLowerCase()) : undefined;
}

/** One status per key asked, or nothing at all when their number is another. */
export function statuses(body: unknown, count: number): Item[] | undefined {
  const items = itemsOf(body);
  return items?.length === count ? items : undefined;
}

export function deleteStatus(item: Item | undefined): DeleteStatus | undefined {
  const status = item?.status;
  return status === 'deleted' || status === 'not_active' || status === 'not_found' || status === 'error'
    ? status
    : undefined;
}

export function importStatus(item: Item | undefined): ImportStatus | undefined {
  const status = item?.status;
  return status === 'imported' || status === 'duplicate' || status === 'error' ? status : undefined;
}

/** The protection a DELETE returned, by key; undefined when it is absent or damaged. */
export function protectionOf(body: unknown): Map<string, Watermark> | undefined {
  const text = (body as { slashing_protection?: unknown } | undefined)?.slashing_protection;
  const document =
    typeof text === 'string' ? text : typeof text === 'object' && text ? JSON.stringify(text) : undefined;
  if (document === undefined) return undefined;
  try {
    return new Map(parseInterchange(document).keys.map((history) => [history.publicKey, watermarkOf(history)]));
  } catch (thrown) {
    if (thrown instanceof DomainError) return undefined;
    throw thrown;
  }
}

function itemsOf(body: unknown): Item[] | undefined {
  const data = (body as { data?: unknown } | undefined)?.data;
  return Array.isArray(data) && data.every((item) => typeof item === 'object' && item !== null) ? data : undefined;
}

function withPrefix(key: string): string {
  return key.startsWith('0x') ? key : `0x${key}`;
}
