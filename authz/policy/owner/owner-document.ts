import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a second resource owner wrote of its own resources: one document of Cedar policies. */
@Entity('owner_policy')
export class OwnerDocument {
  /** The owner's client_id. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'owner_policy_pkey' })
  owner!: string;

  @Column({ type: 'text' })
  document!: string;

  /** SHA-256 (hex) of the document. */
  @Column({ type: 'text' })
  etag!: string;

  /** SHA-256 (hex) of the schema it was found to fit last. */
  @Column({ type: 'text' })
  schema!: string;

  @Column({ type: 'timestamptz', name: 'changed_at' })
  changedAt!: Date;
}
