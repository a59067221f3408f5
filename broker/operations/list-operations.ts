import type { Subject } from '../../authz/index.js';
import type { BrokerDeps } from '../deps.js';
import type { OperationState } from '../operation.js';

const AT_MOST = 200;

export interface ListedOperation {
  readonly id: string;
  readonly instance_id: string;
  readonly plan: string;
  readonly party: string;
  readonly kind: string;
  readonly state: OperationState;
  readonly description: string;
  readonly created_at: string;
  readonly finished_at: string | null;
}

type Row = Omit<ListedOperation, 'created_at' | 'finished_at'> & {
  readonly created_at: Date;
  readonly finished_at: Date | null;
};

/** The newest operations: of everybody for the operator, of its own instances for anybody else. */
export async function listOperations(
  deps: BrokerDeps,
  subject: Subject,
  filter: { readonly state?: string; readonly instanceId?: string },
): Promise<ListedOperation[]> {
  const rows: Row[] = await deps.dataSource.query(
    `SELECT operation.id, instance_id, plan_key AS plan, owner AS party, operation.kind, operation.state, description,
            operation.created_at, finished_at
     FROM operation JOIN service_instance ON service_instance.id = instance_id
     WHERE ($1::text IS NULL OR owner = $1) AND ($2::text IS NULL OR operation.state = $2)
       AND ($3::text IS NULL OR instance_id = $3)
     ORDER BY operation.created_at DESC LIMIT $4`,
    [subject.kind === 'operator' ? null : subject.party, filter.state ?? null, filter.instanceId ?? null, AT_MOST],
  );
  return rows.map((row) => ({
    ...row,
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  }));
}
