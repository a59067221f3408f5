import type { DataSource, EntityManager } from 'typeorm';
import { IsNull } from 'typeorm';
import type { Account } from './account.js';
import type { NewRpcEndpoint, RpcEndpoints, RpcGroup, RpcLimits } from './endpoint.js';
import { CHANGE_CHANNEL } from './endpoint-changes.js';
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

/** Endpoints in PostgreSQL; every change is told to every replica when it commits. */
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
    await announce(endpoint.bindingId, manager);
  }

  async close(bindingId: string, manager: EntityManager): Promise<void> {
    this.closing(bindingId);
    await manager.update(RpcEndpoint, { bindingId, closedAt: IsNull() }, { closedAt: () => 'now()' });
    await announce(bindingId, manager);
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

/** PostgreSQL delivers the notification when the transaction commits, and not at all when it rolls back. */
async function announce(bindingId: string, manager: EntityManager): Promise<void> {
  await manager.query(
    `INSERT INTO rpc_endpoint_change (binding_id, transaction_id) VALUES ($1, pg_current_xact_id()::text::bigint)`,
    [bindingId],
  );
  await manager.query('SELECT pg_notify($1, $2)', [CHANGE_CHANNEL, bindingId]);
}
