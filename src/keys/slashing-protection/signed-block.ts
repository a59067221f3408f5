import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { bigintColumn } from './bigint-column.js';

/** A block our own signer signed, or an import says was signed. Never deleted. */
@Entity('signed_block')
@Index('signed_block_key_slot', ['publicKey', 'slot'])
@Check('signed_block_slot_check', 'slot >= 0')
export class SignedBlockRow {
  @PrimaryGeneratedColumn('identity', {
    name: 'id',
    type: 'bigint',
    primaryKeyConstraintName: 'signed_block_pkey',
    generatedIdentity: 'ALWAYS',
  })
  id!: string;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'slot', type: 'bigint', transformer: bigintColumn })
  slot!: bigint;

  @Column({ name: 'signing_root', type: 'text', nullable: true })
  signingRoot!: string | null;
}
