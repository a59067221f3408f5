import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../gwei-column.js';

/** Until the chain has told: the balance of an ordinary validator. */
export const DEFAULT_STAKE_GWEI = 32_000_000_000n;

/** What the beacon chain says of a key. */
@Entity('validator_stake')
@Check('validator_stake_key', `public_key ~ '^0x[0-9a-f]{96}$'`)
@Check('validator_stake_balance', 'effective_balance_gwei >= 0')
export class ValidatorStake {
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'pk_validator_stake' })
  publicKey!: string;

  @Column({ name: 'validator_index', type: 'bigint', transformer: bigintColumn })
  validatorIndex!: bigint;

  /** Beacon API's word: `active_ongoing`, … */
  @Column({ name: 'status', type: 'text' })
  status!: string;

  @Column({ name: 'effective_balance_gwei', type: 'bigint', transformer: bigintColumn })
  effectiveBalanceGwei!: bigint;

  /** 0x, 32 bytes, of the finalised state only (security.md B1). */
  @Column({ name: 'withdrawal_credentials', type: 'text', nullable: true })
  withdrawalCredentials!: string | null;

  @Column({ name: 'seen_at', type: 'timestamptz' })
  seenAt!: Date;
}
