import type { Grant } from './admissions.js';
import type { RpcGroup } from './endpoint.js';
import { METHODS, type Method } from './groups.js';

export type Transport = 'http' | 'socket';

export type Verdict =
  | { readonly kind: 'permitted'; readonly method: Method }
  /** Nobody's, or not this endpoint's: −32601. */
  | { readonly kind: 'unknown' }
  /** The endpoint's, but not this credential's: −32001. */
  | { readonly kind: 'lacking'; readonly group: RpcGroup }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

/** Default deny, by exact name; then the limit. Charges the endpoint's account for what is permitted or unknown. */
export function judge(grant: Grant, name: string, transport: Transport): Verdict {
  const { endpoint } = grant;
  const method = METHODS.get(name);
  const offered = method !== undefined && (method.group === 'any' || endpoint.groups.has(method.group));
  if (offered && method.group !== 'any' && !grant.groups.has(method.group))
    return { kind: 'lacking', group: method.group };
  const retryAfterSeconds = endpoint.account.charge(offered ? method.cost : 1);
  if (retryAfterSeconds > 0) return { kind: 'limited', retryAfterSeconds };
  if (!offered || (transport === 'http' && needsSocket(method))) return { kind: 'unknown' };
  return { kind: 'permitted', method };
}

const needsSocket = (method: Method): boolean => method.treatment === 'subscribe' || method.treatment === 'unsubscribe';
