/** What the broker tells the gateway: a bound JSON-RPC endpoint exists, or exists no more. */
import type { EntityManager } from 'typeorm';

export type RpcGroup = 'read' | 'logs' | 'send' | 'trace';

export interface RpcLimits {
  readonly units_per_second: number;
  readonly burst: number;
  readonly batch: number;
  readonly body_bytes: number;
  readonly subscriptions: number;
}

export interface NewRpcEndpoint {
  readonly bindingId: string;
  /** authz resource of the binding; RPTs need its `rpc:<group>` scopes. */
  readonly resourceId: string;
  readonly groups: readonly RpcGroup[];
  readonly limits: RpcLimits;
  /** SHA-256 of the binding's own bearer token (32 bytes). */
  readonly tokenHash: Buffer;
  readonly expiresAt: Date;
  /** undefined: any origin. */
  readonly allowedOrigins?: readonly string[];
  /** With an id: the node behind that instance's keys, following their moves. */
  readonly validatorInstanceId?: string;
}

export interface RpcEndpoints {
  /** Joins the caller's transaction; usable as soon as that commits. */
  open(endpoint: NewRpcEndpoint, manager: EntityManager): Promise<void>;
  /** Joins the caller's transaction; after its commit the next call is 401, on every replica within a second. */
  close(bindingId: string, manager: EntityManager): Promise<void>;
  usage(bindingId: string): Promise<{ readonly requests: bigint; readonly units: bigint }>;
}

/** Resolves an endpoint's upstream nodes, best first; handed in by app (the fleet knows them). */
export type UpstreamSource = (endpoint: {
  readonly validatorInstanceId?: string;
}) => Promise<
  readonly { readonly name: string; readonly implementation: string; readonly uri: string; readonly wsUri?: string }[]
>;
