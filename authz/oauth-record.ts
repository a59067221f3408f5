import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What oidc-provider keeps (clients, PATs): by the digest of its id, since the id of a token is the token. */
@Entity('oauth_record')
export class OAuthRecord {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'oauth_record_pkey' })
  model!: string;

  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'oauth_record_pkey' })
  digest!: Buffer;

  @Column({ type: 'jsonb' })
  payload!: Record<string, unknown>;

  @Index('oauth_record_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  expiresAt!: Date | null;
}
