import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { type Parameters, ServiceInstance } from './service-instance.js';

/** A service binding: credentials handed to one application. Its rows' secrets are sealed with the data key. */
@Entity({ name: 'service_binding' })
@Index('service_binding_instance', ['instanceId'])
@Index('service_binding_expiring', ['expiresAt'], { where: 'expired_at IS NULL AND expires_at IS NOT NULL' })
@Check('service_binding_id_length', 'char_length(id) BETWEEN 1 AND 255')
@Check('service_binding_token_hash', 'token_hash IS NULL OR octet_length(token_hash) = 32')
@Check('service_binding_renewal', 'renew_before IS NULL OR renew_before <= expires_at')
export class ServiceBinding {
  /** Unique over all instances: `/rpc/{binding_id}` names it alone. */
  @PrimaryColumn({ name: 'id', type: 'text', primaryKeyConstraintName: 'service_binding_pk' })
  id!: string;

  @ManyToOne(() => ServiceInstance, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'instance_id', foreignKeyConstraintName: 'service_binding_instance_fk' })
  instance?: ServiceInstance;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'service_id', type: 'text' })
  serviceId!: string;

  @Column({ name: 'plan_id', type: 'text' })
  planId!: string;

  @Column({ name: 'parameters', type: 'jsonb' })
  parameters!: Parameters;

  @Column({ name: 'bind_resource', type: 'jsonb', nullable: true })
  bindResource!: Parameters | null;

  @Column({ name: 'predecessor_id', type: 'text', nullable: true })
  predecessorId!: string | null;

  /** The binder: may differ from the instance's owner. */
  @Column({ name: 'owner', type: 'text' })
  owner!: string;

  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  @Column({ name: 'resource_id', type: 'text' })
  resourceId!: string;

  /** SHA-256 of the bearer token; rpc only. */
  @Column({ name: 'token_hash', type: 'bytea', nullable: true })
  tokenHash!: Buffer | null;

  /** The credentials object as handed out (encrypted to the binder when a key was given), sealed. */
  @Column({ name: 'credentials_sealed', type: 'bytea' })
  credentialsSealed!: Buffer;

  @Column({ name: 'expires_at', type: 'timestamptz', precision: 3, nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'renew_before', type: 'timestamptz', precision: 3, nullable: true })
  renewBefore!: Date | null;

  /** Its endpoint was closed because its time was over; the binding waits to be unbound. */
  @Column({ name: 'expired_at', type: 'timestamptz', precision: 3, nullable: true })
  expiredAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
