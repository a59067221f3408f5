import { Check, Column, Entity, PrimaryColumn, type ValueTransformer } from 'typeorm';

const asBigint: ValueTransformer = {
  to: (value: bigint) => value.toString(),
  from: (value: string) => BigInt(value),
};

/** What was called through an endpoint on one UTC day, summed over replicas. */
@Entity({ name: 'rpc_usage' })
@Check('ck_rpc_usage_counts', 'requests >= 0 AND units >= 0')
export class RpcUsage {
  @PrimaryColumn({ name: 'resource_id', type: 'text', primaryKeyConstraintName: 'pk_rpc_usage' })
  resourceId!: string;

  @PrimaryColumn({ name: 'day', type: 'date', primaryKeyConstraintName: 'pk_rpc_usage' })
  day!: string;

  @Column({ name: 'requests', type: 'bigint', transformer: asBigint })
  requests!: bigint;

  @Column({ name: 'units', type: 'bigint', transformer: asBigint })
  units!: bigint;
}
