import type { Grant } from './admissions.js';
import type { Method } from './groups.js';
import type { RpcRequest } from './read-message.js';
import type { AnswerSink, Budget } from './receive.js';
import type { Reply } from './reply.js';
import type { Upstream } from './upstream.js';

/** A call that was permitted and charged. */
export interface Call {
  readonly grant: Grant;
  readonly request: RpcRequest;
  readonly method: Method;
  /** performance.now() at which the caller is told 504. */
  readonly deadline: number;
  readonly budget: Budget;
  /** Only for a single call over HTTP. */
  readonly sink?: AnswerSink;
  /** Only on a WebSocket. */
  readonly subscriptions?: SubscriptionDesk;
}

/** The subscriptions of one WebSocket, as the calls of one message see them. */
export interface SubscriptionDesk {
  /** Notifications begin only after the message was answered. */
  subscribe(call: Call, upstreams: readonly Upstream[]): Promise<Reply>;
  /** Whether there was such a subscription. */
  unsubscribe(id: unknown): boolean;
}
