import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Kind } from './catalog/document.js';

/** What is already true of an instance. `failed`: creation failed; it can only be deleted. */
export type InstanceState = 'provisioning' | 'ready' | 'updating' | 'deprovisioning' | 'failed';

export type Parameters = Readonly<Record<string, unknown>>;

/** A service instance of OSB. It belongs to the party whose credential made it (security.md B2). */
@Entity({ name: 'service_instance' })
@Index('service_instance_owner', ['owner'])
@Check('service_instance_id_length', 'char_length(id) BETWEEN 1 AND 255')
@Check('service_instance_state', "state IN ('provisioning', 'ready', 'updating', 'deprovisioning', 'failed')")
@Check('service_instance_kind', "kind IN ('validator', 'bundle', 'rpc', 'middleware')")
export class ServiceInstance {
  @PrimaryColumn({ name: 'id', type: 'text', primaryKeyConstraintName: 'service_instance_pk' })
  id!: string;

  @Column({ name: 'service_id', type: 'text' })
  serviceId!: string;

  @Column({ name: 'plan_id', type: 'text' })
  planId!: string;

  /** `validator-nimbus/geth`, for people; the plan itself is looked up by its ids. */
  @Column({ name: 'plan_key', type: 'text' })
  planKey!: string;

  @Column({ name: 'kind', type: 'text' })
  kind!: Kind;

  @Column({ name: 'organization_guid', type: 'text' })
  organizationGuid!: string;

  @Column({ name: 'space_guid', type: 'text' })
  spaceGuid!: string;

  /** By the word of the platform that made it; null for everybody else's. */
  @Column({ name: 'platform', type: 'text', nullable: true })
  platform!: string | null;

  @Column({ name: 'namespace', type: 'text', nullable: true })
  namespace!: string | null;

  /** As accepted; what a repeated PUT is compared with. */
  @Column({ name: 'parameters', type: 'jsonb' })
  parameters!: Parameters;

  @Column({ name: 'state', type: 'text' })
  state!: InstanceState;

  /** Requesting party: authz `Subject.party`. */
  @Column({ name: 'owner', type: 'text' })
  owner!: string;

  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  @Column({ name: 'subject_kind', type: 'text' })
  subjectKind!: 'operator' | 'platform' | 'party';

  /** Lower-case 0x address of the wallet that made it. */
  @Column({ name: 'address', type: 'text', nullable: true })
  address!: string | null;

  /** 0x00 withdrawal credentials whose BLS key made it. */
  @Column({ name: 'withdrawal_credentials', type: 'text', nullable: true })
  withdrawalCredentials!: string | null;

  /** base64 x25519 key bound inside the maker's claim; parameters may not change it (security.md B8). */
  @Column({ name: 'encryption_public_key', type: 'text', nullable: true })
  encryptionPublicKey!: string | null;

  /** Its resource at the authorization server; never used again. */
  @Column({ name: 'resource_id', type: 'text' })
  resourceId!: string;

  @Column({ name: 'maintenance_version', type: 'text' })
  maintenanceVersion!: string;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3, default: () => 'now()' })
  createdAt!: Date;
}
