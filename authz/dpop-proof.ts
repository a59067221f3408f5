import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A DPoP proof already used (RFC 9449, 11.1), kept until it would be refused for its age. */
@Entity('dpop_proof')
export class DpopProof {
  /** SHA-256 of thumbprint and jti. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'dpop_proof_pkey' })
  digest!: Buffer;

  @Index('dpop_proof_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;
}
