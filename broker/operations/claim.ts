import type { DataSource, EntityManager } from 'typeorm';
import { Operation } from '../operation.js';

/** After it another worker may take the operation over; a step that is still running renews it. */
const LEASE_SECONDS = 10;
export const HEARTBEAT_MS = 3_000;

/** An operation held by this worker; `fence` marks the claim. */
export interface Claim {
  readonly operationId: string;
  readonly instanceId: string;
  readonly fence: bigint;
}

/** Takes up to `limit` due operations nobody holds. Of several workers each gets others. */
export async function claimOperations(dataSource: DataSource, limit: number): Promise<Claim[]> {
  const [rows]: [{ id: string; instance_id: string; fence: string }[], number] = await dataSource.query(
    `UPDATE operation SET fence = fence + 1, lease_until = now() + make_interval(secs => $2)
     WHERE id IN (
       SELECT id FROM operation
       WHERE state = 'in progress' AND next_run_at <= now() AND (lease_until IS NULL OR lease_until < now())
       ORDER BY next_run_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )
     RETURNING id, instance_id, fence`,
    [limit, LEASE_SECONDS],
  );
  return rows.map((row) => ({ operationId: row.id, instanceId: row.instance_id, fence: BigInt(row.fence) }));
}

/** The operation, locked, while the claim still holds; undefined when it was halted or taken over meanwhile. */
export async function lockClaimed(manager: EntityManager, claim: Claim): Promise<Operation | undefined> {
  const operation = await manager.findOne(Operation, {
    where: { id: claim.operationId, state: 'in progress' },
    lock: { mode: 'pessimistic_write' },
  });
  return operation && operation.fence === claim.fence ? operation : undefined;
}

/** The claim's worker is alive. Does nothing for a claim that was lost. */
export async function renewClaim(dataSource: DataSource, claim: Claim): Promise<void> {
  await dataSource.query(
    'UPDATE operation SET lease_until = now() + make_interval(secs => $3) WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL',
    [claim.operationId, claim.fence.toString(), LEASE_SECONDS],
  );
}

/** Gives the operation back, to be looked at again after `delayMs`, with what people may read meanwhile. */
export async function releaseClaim(
  dataSource: DataSource,
  claim: Claim,
  delayMs: number,
  description?: string,
): Promise<void> {
  await dataSource.query(
    `UPDATE operation
     SET lease_until = NULL, next_run_at = now() + make_interval(secs => $3), description = coalesce($4, description)
     WHERE id = $1 AND fence = $2 AND state = 'in progress'`,
    [claim.operationId, claim.fence.toString(), delayMs / 1000, description || null],
  );
}
