import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { RpcGroup, RpcLimits } from './endpoint.js';

/** A bound JSON-RPC endpoint; open until `closedAt`. Its resource id is never used again, its binding id may be. */
@Entity({ name: 'rpc_endpoint' })
// INVARIANT: at most one open endpoint per binding id.
@Index('ux_rpc_endpoint_open_binding', ['bindingId'], { unique: true, where: 'closed_at IS NULL' })
@Index('ix_rpc_endpoint_closed_in_transaction', ['closedInTransaction'], { where: 'closed_in_transaction IS NOT NULL' })
@Check('ck_rpc_endpoint_binding_id', 'length(binding_id) BETWEEN 1 AND 1024')
@Check('ck_rpc_endpoint_groups', "groups <@ ARRAY['read','logs','send','trace']")
@Check('ck_rpc_endpoint_token_hash', 'octet_length(token_hash) = 32')
@Check('ck_rpc_endpoint_closed', '(closed_at IS NULL) = (closed_in_transaction IS NULL)')
export class RpcEndpoint {
  @PrimaryColumn({ name: 'resource_id', type: 'text', primaryKeyConstraintName: 'pk_rpc_endpoint' })
  resourceId!: string;

  @Column({ name: 'binding_id', type: 'text' })
  bindingId!: string;

  @Column({ name: 'groups', type: 'text', array: true })
  groups!: RpcGroup[];

  @Column({ name: 'limits', type: 'jsonb' })
  limits!: RpcLimits;

  /** SHA-256 of the bearer token, 32 bytes. */
  @Column({ name: 'token_hash', type: 'bytea' })
  tokenHash!: Buffer;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** null: any origin. */
  @Column({ name: 'allowed_origins', type: 'text', array: true, nullable: true })
  allowedOrigins!: string[] | null;

  @Column({ name: 'validator_instance_id', type: 'text', nullable: true })
  validatorInstanceId!: string | null;

  @Column({ name: 'opened_at', type: 'timestamptz', default: () => 'now()' })
  openedAt!: Date;

  @Column({ name: 'closed_at', type: 'timestamptz', nullable: true })
  closedAt!: Date | null;

  /** pg_current_xact_id() of the closing transaction: what replicas that missed the notification go by. */
  @Column({ name: 'closed_in_transaction', type: 'bigint', nullable: true })
  closedInTransaction!: string | null;
}
