import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { Permission } from './contract.js';
import type { GatheredClaims } from './gathered-claims.js';

/** What one requesting party was granted through one client: the family of its RPTs and refresh tokens. */
@Entity('uma_grant')
@Check('uma_grant_kind', `kind IN ('operator', 'party')`)
export class UmaGrant {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'uma_grant_pkey' })
  id!: string;

  /** The resource server whose resources are granted. INVARIANT: never two (security.md B3). */
  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'text', name: 'client_id' })
  clientId!: string;

  @Column({ type: 'text' })
  kind!: 'operator' | 'party';

  @Column({ type: 'jsonb' })
  gathered!: GatheredClaims;

  @Column({ type: 'jsonb' })
  permissions!: Permission[];

  /** What of it an owner approved because policies left it to the owner: it stands when policies are asked again. */
  @Column({ type: 'jsonb' })
  approved!: Permission[];

  /** Hash of the policies that were asked last. */
  @Column({ type: 'text', name: 'policy_set' })
  policySet!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  /** When its last token will have expired. */
  @Index('uma_grant_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}

/** An RPT's row: the JWT is not enough, since revocation is effective at once. */
@Entity('rpt')
export class Rpt {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'rpt_pkey' })
  jti!: string;

  @Index('rpt_grant_id')
  @Column({ type: 'uuid', name: 'grant_id' })
  grantId!: string;

  @ManyToOne(() => UmaGrant, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'grant_id', foreignKeyConstraintName: 'rpt_grant_id_fkey' })
  grant!: Relation<UmaGrant>;

  @Column({ type: 'jsonb' })
  permissions!: Permission[];

  @Column({ type: 'text', name: 'policy_set' })
  policySet!: string;

  /** RFC 7638 thumbprint of the DPoP key it is bound to. */
  @Column({ type: 'text', nullable: true })
  thumbprint!: string | null;

  @Column({ type: 'timestamptz', name: 'issued_at' })
  issuedAt!: Date;

  @Index('rpt_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}

@Entity('refresh_token')
export class RefreshToken {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'refresh_token_pkey' })
  digest!: Buffer;

  @Index('refresh_token_grant_id')
  @Column({ type: 'uuid', name: 'grant_id' })
  grantId!: string;

  @ManyToOne(() => UmaGrant, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'grant_id', foreignKeyConstraintName: 'refresh_token_grant_id_fkey' })
  grant!: Relation<UmaGrant>;

  @Column({ type: 'text', nullable: true })
  thumbprint!: string | null;

  @Index('refresh_token_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  /** Public clients' tokens serve once; a second use ends the grant (RFC 9700, 4.14). */
  @Column({ type: 'timestamptz', name: 'used_at', nullable: true })
  usedAt!: Date | null;
}
