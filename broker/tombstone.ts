import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** That an instance or binding existed and is deleted: last_operation answers 200 for a day, then 410 (broker.md 16). */
@Entity({ name: 'tombstone' })
@Index('tombstone_deleted', ['deletedAt'])
export class Tombstone {
  @PrimaryColumn({ name: 'instance_id', type: 'text', primaryKeyConstraintName: 'tombstone_pk' })
  instanceId!: string;

  /** Empty for the instance itself. */
  @PrimaryColumn({ name: 'binding_id', type: 'text', primaryKeyConstraintName: 'tombstone_pk' })
  bindingId!: string;

  @Column({ name: 'owner', type: 'text' })
  owner!: string;

  @Column({ name: 'deleted_at', type: 'timestamptz', precision: 3 })
  deletedAt!: Date;
}

const HOUR_MS = 3_600_000;
/** How long a poll after the deletion still hears that it succeeded. */
export const SUCCEEDED_FOR_MS = 24 * HOUR_MS;
export const TOMBSTONE_LIFETIME_MS = 30 * 24 * HOUR_MS;
