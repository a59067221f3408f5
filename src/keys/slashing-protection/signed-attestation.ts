import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { bigintColumn } from './bigint-column.js';

/** An attestation our own signer signed, or an import says was signed. Never deleted. */
@Entity('signed_attestation')
@Index('signed_attestation_key_target', ['publicKey', 'targetEpoch'])
@Check('signed_attestation_source_epoch_check', 'source_epoch >= 0')
@Check('signed_attestation_target_epoch_check', 'target_epoch >= 0')
export class SignedAttestationRow {
  @PrimaryGeneratedColumn('identity', {
    name: 'id',
    type: 'bigint',
    primaryKeyConstraintName: 'signed_attestation_pkey',
    generatedIdentity: 'ALWAYS',
  })
  id!: string;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'source_epoch', type: 'bigint', transformer: bigintColumn })
  sourceEpoch!: bigint;

  @Column({ name: 'target_epoch', type: 'bigint', transformer: bigintColumn })
  targetEpoch!: bigint;

  @Column({ name: 'signing_root', type: 'text', nullable: true })
  signingRoot!: string | null;
}
