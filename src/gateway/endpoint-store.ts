import type { DataSource, EntityManager } from 'typeorm';
import { IsNull } from 'typeorm';
import type { Account } from './account.js';
import { CLOSED_CHANNEL } from './closed-endpoints.js';
import type { NewRpcEndpoint, RpcEndpoints, RpcGroup, RpcLimits } from './endpoint.js';
import { RpcEndpoint } from './rpc-endpoint.js';
import type { Usage, UsageLedger } from './usage-ledger.js';

/** An open endpoint as this process knows it. */
export interface Endpoint {
  readonly bindingId: string;
  readonly resourceId: string;
  readonly groups: ReadonlySet<RpcGroup>;
  readonly limits: RpcLimits;
  readonly tokenHash: Buffer;
  /** Wall clock, milliseconds. */
  readonly expiresAtMs: number;
  /** undefined: any. */
  readonly allowedOrigins: ReadonlySet<string> | undefined;
  readonly validatorInstanceId: string | undefined;
  readonly account: Account;
}

/** Endpoints in PostgreSQL; every closing is told to every replica when it commits. */
export class EndpointStore implements RpcEndpoints {
  constructor(
    private readonly dataSource: DataSource,
    private readonly ledger: UsageLedger,
    /** Called before the close commits: from now on this process asks the database for this binding each time. */
    private readonly closing: (bindingId: string) => void,
  ) {}

  async open(endpoint: NewRpcEndpoint, manager: EntityManager): Promise<void> {
    await manager.insert(RpcEndpoint, {
      resourceId: endpoint.resourceId,
      bindingId: endpoint.bindingId,
      groups: [...endpoint.groups],
      limits: { ...endpoint.limits },
      tokenHash: endpoint.tokenHash,
      expiresAt: endpoint.expiresAt,
      allowedOrigins: endpoint.allowedOrigins === undefined ? null : [...endpoint.allowedOrigins],
      validatorInstanceId: endpoint.validatorInstanceId ?? null,
    });
  }

  async close(bindingId: string, manager: EntityManager): Promise<void> {
    this.closing(bindingId);
    const [closed] = await manager.query<[{ resource_id: string }[], number]>(
      `UPDATE rpc_endpoint SET closed_at = now(), closed_in_transaction = pg_current_xact_id()::text::bigint
       WHERE binding_id = $1 AND closed_at IS NULL RETURNING resource_id`,
      [bindingId],
    );
    for (const { resource_id: resourceId } of closed) {
      // Delivered when the transaction commits, and not at all when it rolls back.
      await manager.query('SELECT pg_notify($1, $2)', [CLOSED_CHANNEL, JSON.stringify({ bindingId, resourceId })]);
    }
  }

  /** As `close`, of every endpoint. */
  async closeAll(manager: EntityManager): Promise<void> {
    await manager.query(
      `UPDATE rpc_endpoint SET closed_at = now(), closed_in_transaction = pg_current_xact_id()::text::bigint
       WHERE closed_at IS NULL`,
    );
    await manager.query('SELECT pg_notify($1, $2)', [CLOSED_CHANNEL, JSON.stringify('all')]);
  }

  /** Of the newest endpoint with this binding id, open or closed. */
  async usage(bindingId: string): Promise<Usage> {
    const row = await this.dataSource.manager.findOne(RpcEndpoint, {
      where: { bindingId },
      order: { openedAt: 'DESC' },
      select: { resourceId: true },
    });
    return row === null ? { requests: 0n, units: 0n } : this.ledger.total(row.resourceId);
  }

  /** The open endpoint of a binding, expired or not. */
  async find(bindingId: string): Promise<Endpoint | undefined> {
    const row = await this.dataSource.manager.findOneBy(RpcEndpoint, { bindingId, closedAt: IsNull() });
    if (row === null) return undefined;
    return {
      bindingId,
      resourceId: row.resourceId,
      groups: new Set(row.groups),
      limits: row.limits,
      tokenHash: row.tokenHash,
      expiresAtMs: row.expiresAt.getTime(),
      allowedOrigins: row.allowedOrigins === null ? undefined : new Set(row.allowedOrigins),
      validatorInstanceId: row.validatorInstanceId ?? undefined,
      account: this.ledger.account(row.resourceId, row.limits),
    };
  }
}
