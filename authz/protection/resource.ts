import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Facts } from '../contract.js';

/** What its owner said of a resource (UMA Federated Authorization 3.1), as GET gives it back. */
export interface ResourceDocument {
  readonly resource_scopes: readonly string[];
  readonly name?: string;
  readonly description?: string;
  readonly icon_uri?: string;
  readonly type?: string;
  /** `name#ja`, `description#fr`… (UMA Federated Authorization 3.1.1). */
  readonly [localized: `${string}#${string}`]: string;
}

/** A registered resource. Its id is random and never used again, whatever happens to its type and key. */
@Entity('resource')
@Index('resource_owner_type_key', ['owner', 'type', 'key'], { unique: true })
export class Resource {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'resource_pkey' })
  id!: string;

  /** The resource owner's client_id. */
  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'text' })
  type!: string;

  /** Cedar entity id within (owner, type); the resource's own id for those registered over HTTP. */
  @Column({ type: 'text' })
  key!: string;

  @Column({ type: 'text', array: true })
  scopes!: string[];

  @Column({ type: 'jsonb' })
  attributes!: Facts;

  @Column({ type: 'jsonb' })
  document!: ResourceDocument;

  /** Registered through ProtectionApi: read-only over HTTP. */
  @Column({ type: 'boolean', name: 'in_process' })
  inProcess!: boolean;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
