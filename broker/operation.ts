import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { bigintColumn } from './columns.js';
import { type Parameters, ServiceInstance } from './service-instance.js';

export type OperationKind = 'provision' | 'update' | 'deprovision';
export type OperationState = 'in progress' | 'succeeded' | 'failed';

/** How far an operation is, in words for people. */
export interface OperationProgress {
  readonly state: OperationState;
  readonly description: string;
}

/** What an update makes of the instance once it has succeeded. */
export interface UpdateTarget {
  readonly planId: string;
  readonly planKey: string;
  readonly parameters: Parameters;
  readonly maintenanceVersion: string;
}

/**
 * Work accepted and not yet finished, or how it ended. Claimed by one worker at a time: `leaseUntil` says until when,
 * `fence` which claim it was; a result is recorded only under the fence it was claimed with.
 */
@Entity({ name: 'operation' })
@Index('operation_due', ['nextRunAt'], { where: "state = 'in progress'" })
// INVARIANT: at most one operation of an instance is in progress.
@Index('operation_one_in_progress', ['instanceId'], { unique: true, where: "state = 'in progress'" })
@Index('operation_instance', ['instanceId', 'createdAt'])
@Check('operation_kind', "kind IN ('provision', 'update', 'deprovision')")
@Check('operation_state', "state IN ('in progress', 'succeeded', 'failed')")
@Check('operation_description', "description <> ''")
@Check('operation_finished', "(state = 'in progress') = (finished_at IS NULL)")
export class Operation {
  @PrimaryGeneratedColumn('uuid', { name: 'id', primaryKeyConstraintName: 'operation_pk' })
  id!: string;

  @ManyToOne(() => ServiceInstance, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'instance_id', foreignKeyConstraintName: 'operation_instance_fk' })
  instance?: ServiceInstance;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'kind', type: 'text' })
  kind!: OperationKind;

  @Column({ name: 'state', type: 'text', default: 'in progress' })
  state!: OperationState;

  /** For people; never empty. */
  @Column({ name: 'description', type: 'text' })
  description!: string;

  @Column({ name: 'target', type: 'jsonb', nullable: true })
  target!: UpdateTarget | null;

  /** When a failed operation still left the instance usable; told to platforms on update and deprovision. */
  @Column({ name: 'instance_usable', type: 'boolean', nullable: true })
  instanceUsable!: boolean | null;

  @Column({ name: 'fence', type: 'bigint', default: 0, transformer: bigintColumn })
  fence!: bigint;

  @Column({ name: 'lease_until', type: 'timestamptz', precision: 3, nullable: true })
  leaseUntil!: Date | null;

  @Column({ name: 'next_run_at', type: 'timestamptz', precision: 3, default: () => 'now()' })
  nextRunAt!: Date;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 6, default: () => 'clock_timestamp()' })
  createdAt!: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', precision: 3, nullable: true })
  finishedAt!: Date | null;
}
