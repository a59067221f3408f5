import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ids = new WeakMap<IncomingMessage, string>();

/** Our own name for the request: in X-Request-Id, in error bodies, in the log. Never taken from the caller. */
export function requestId(request: IncomingMessage): string {
  const known = ids.get(request);
  if (known) return known;
  const id = randomBytes(12).toString('hex');
  ids.set(request, id);
  return id;
}
