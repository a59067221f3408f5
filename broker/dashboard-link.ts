import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ServiceInstance } from './service-instance.js';

/** A link that opens an instance's page once, for browsers, which send no RPT. Only its digest is kept. */
@Entity({ name: 'dashboard_link' })
@Check('dashboard_link_digest', 'octet_length(digest) = 32')
export class DashboardLink {
  @PrimaryColumn({ name: 'digest', type: 'bytea', primaryKeyConstraintName: 'dashboard_link_pk' })
  digest!: Buffer;

  @ManyToOne(() => ServiceInstance, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'instance_id', foreignKeyConstraintName: 'dashboard_link_instance_fk' })
  instance?: ServiceInstance;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'expires_at', type: 'timestamptz', precision: 3 })
  expiresAt!: Date;
}
