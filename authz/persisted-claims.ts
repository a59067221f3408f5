import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { GatheredClaims } from './gathered-claims.js';

/** Claims behind a PCT (UMA Grant 3.3.3), opaque, bound to its client, kept by digest (K9). */
@Entity('persisted_claims')
export class PersistedClaims {
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'persisted_claims_pkey' })
  digest!: Buffer;

  @Column({ type: 'text', name: 'client_id' })
  clientId!: string;

  @Column({ type: 'jsonb' })
  gathered!: GatheredClaims;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Index('persisted_claims_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;
}
