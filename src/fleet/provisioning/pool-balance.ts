import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../gwei-column.js';

/** What a wallet's holding of a staking pool's token stood for when it was last read. */
@Entity('pool_balance')
@Check('pool_balance_gwei', 'gwei >= 0')
export class PoolBalance {
  /** The token's contract, lower-case 0x. */
  @PrimaryColumn({ name: 'token', type: 'text', primaryKeyConstraintName: 'pk_pool_balance' })
  token!: string;

  /** The wallet, lower-case 0x. */
  @PrimaryColumn({ name: 'address', type: 'text', primaryKeyConstraintName: 'pk_pool_balance' })
  address!: string;

  @Column({ name: 'gwei', type: 'bigint', transformer: bigintColumn })
  gwei!: bigint;

  @Column({ name: 'seen_at', type: 'timestamptz' })
  seenAt!: Date;
}
