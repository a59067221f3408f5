import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * That an endpoint was opened or closed, for replicas that missed the notification. Commit order is not `sequence`
 * order, so readers go by `transactionId` against their last snapshot's oldest running transaction.
 */
@Entity({ name: 'rpc_endpoint_change' })
@Index('ix_rpc_endpoint_change_transaction', ['transactionId'])
export class RpcEndpointChange {
  @PrimaryGeneratedColumn('identity', {
    name: 'sequence',
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'pk_rpc_endpoint_change',
  })
  sequence!: string;

  @Column({ name: 'binding_id', type: 'text' })
  bindingId!: string;

  /** pg_current_xact_id() of the writer. */
  @Column({ name: 'transaction_id', type: 'bigint' })
  transactionId!: string;

  @Column({ name: 'changed_at', type: 'timestamptz', default: () => 'now()' })
  changedAt!: Date;
}
