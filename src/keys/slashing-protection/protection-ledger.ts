import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from './bigint-column.js';

/**
 * The highest values known to be signed for a key by anyone, for ever.
 * INVARIANT: no value goes down, no row goes away (triggers protection_ledger_monotone, protection_ledger_kept).
 */
@Entity('protection_ledger')
@Check('protection_ledger_source_epoch_check', 'source_epoch >= 0')
@Check('protection_ledger_target_epoch_check', 'target_epoch >= 0')
@Check('protection_ledger_slot_check', 'slot >= 0')
export class ProtectionLedger {
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'protection_ledger_pkey' })
  publicKey!: string;

  @Column({ name: 'source_epoch', type: 'bigint', nullable: true, transformer: bigintColumn })
  sourceEpoch!: bigint | null;

  @Column({ name: 'target_epoch', type: 'bigint', nullable: true, transformer: bigintColumn })
  targetEpoch!: bigint | null;

  @Column({ name: 'slot', type: 'bigint', nullable: true, transformer: bigintColumn })
  slot!: bigint | null;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
