import { randomUUID } from 'node:crypto';
import type { Logger } from '../logger.js';
import { errorAnswer, type RpcId, type Wire } from './json-rpc.js';
import type { FailureReason } from './upstream.js';

/** One call's answer. `status` is the HTTP status when the call stood alone. */
export type Reply =
  | { readonly kind: 'whole'; readonly status: 200 | 502 | 503 | 504; readonly body: Wire }
  | { readonly kind: 'streamed' };

export const whole = (body: Wire): Reply => ({ kind: 'whole', status: 200, body });

const FAILURES = {
  timeout: { status: 504, message: 'the upstream did not answer in time' },
  connection: { status: 502, message: 'the upstream could not be reached' },
  unusable: { status: 502, message: 'the upstream gave no usable answer' },
  busy: { status: 503, message: 'the upstream is busy' },
  none: { status: 503, message: 'no upstream is available' },
  'too-large': { status: 200, message: 'the answer is too large' },
} as const satisfies Record<FailureReason | 'none', { status: number; message: string }>;

/** Says that no upstream answered; the reason goes to the log under the same correlation id. */
export function failure(
  log: Logger,
  id: RpcId,
  method: string,
  reason: FailureReason | 'none',
  facts: Readonly<Record<string, unknown>> = {},
): Reply {
  const correlationId = randomUUID();
  const { status, message } = FAILURES[reason];
  log.warn({ correlation_id: correlationId, method, reason }, 'an RPC call failed upstream');
  const name = reason === 'too-large' ? 'tooLarge' : 'internal';
  const body = errorAnswer(id, name, message, { correlation_id: correlationId, ...facts });
  return { kind: 'whole', status, body };
}
