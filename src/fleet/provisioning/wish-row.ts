import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';
import type { Pair } from '../contract.js';

/**
 * What an instance asks of the fleet.
 * INVARIANT: wish_live_instance — an instance has one live wish.
 */
@Entity('wish')
@Index('wish_live_instance', ['instanceId'], { unique: true, where: 'ended_at IS NULL' })
@Index('wish_live_party', ['party'], { where: 'ended_at IS NULL' })
@Index('wish_live_plan', ['plan'], { where: 'ended_at IS NULL' })
@Check('wish_subject_kind', `subject_kind IN ('operator', 'platform', 'party')`)
@Check('wish_kind', `kind IN ('soft', 'hard')`)
@Check('wish_keys', 'keys > 0')
export class WishRow {
  @PrimaryGeneratedColumn('uuid', { name: 'id', primaryKeyConstraintName: 'pk_wish' })
  id!: string;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'party', type: 'text' })
  party!: string;

  @Column({ name: 'address', type: 'text', nullable: true })
  address!: string | null;

  /** 0x00 credentials that the party proved. */
  @Column({ name: 'withdrawal_credentials', type: 'text', nullable: true })
  withdrawalCredentials!: string | null;

  @Column({ name: 'subject_kind', type: 'text' })
  subjectKind!: 'operator' | 'platform' | 'party';

  @Column({ name: 'plan', type: 'text', nullable: true })
  plan!: string | null;

  @Column({ name: 'members', type: 'jsonb' })
  members!: readonly Pair[];

  @Column({ name: 'keys', type: 'integer' })
  keys!: number;

  /** The asker named the keys; otherwise they come from the pool. */
  @Column({ name: 'named', type: 'boolean' })
  named!: boolean;

  @Column({ name: 'region', type: 'text', nullable: true })
  region!: string | null;

  @Column({ name: 'kind', type: 'text' })
  kind!: 'soft' | 'hard';

  @Column({ name: 'fee_recipient', type: 'text', nullable: true })
  feeRecipient!: string | null;

  @Column({ name: 'gas_limit', type: 'text', nullable: true })
  gasLimit!: string | null;

  @Column({ name: 'graffiti', type: 'text', nullable: true })
  graffiti!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @Column({ name: 'honoured_at', type: 'timestamptz', nullable: true })
  honouredAt!: Date | null;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}

/**
 * A key that belongs to an instance, and the pair it is to be on.
 * INVARIANT: instance_allocation_live_key — a key belongs to at most one live instance.
 */
@Entity('instance_allocation')
@Index('instance_allocation_live_key', ['publicKey'], { unique: true, where: 'released_at IS NULL' })
@Index('instance_allocation_wish', ['wishId'])
export class InstanceAllocation {
  @PrimaryGeneratedColumn('uuid', { name: 'id', primaryKeyConstraintName: 'pk_instance_allocation' })
  id!: string;

  @Column({ name: 'wish_id', type: 'uuid' })
  wishId!: string;

  @ManyToOne(() => WishRow)
  @JoinColumn({ name: 'wish_id', foreignKeyConstraintName: 'fk_instance_allocation_wish' })
  wish?: Relation<WishRow>;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'consensus', type: 'text' })
  consensus!: string;

  @Column({ name: 'execution', type: 'text' })
  execution!: string;

  /** The latest move made for it. */
  @Column({ name: 'move_id', type: 'text', nullable: true })
  moveId!: string | null;

  /** Where that move leads. */
  @Column({ name: 'to_client', type: 'text', nullable: true })
  to!: string | null;

  /** Moves started for it so far. */
  @Column({ name: 'attempts', type: 'integer', default: 0 })
  attempts!: number;

  @Column({ name: 'allocated_at', type: 'timestamptz' })
  allocatedAt!: Date;

  @Column({ name: 'released_at', type: 'timestamptz', nullable: true })
  releasedAt!: Date | null;
}

/** The sandbox's given stake: a place for each of its wallets. */
@Entity('sandbox_stake')
@Index('sandbox_stake_party', ['party'], { unique: true })
export class SandboxStake {
  @PrimaryColumn({ name: 'position', type: 'integer', primaryKeyConstraintName: 'pk_sandbox_stake' })
  position!: number;

  @Column({ name: 'party', type: 'text' })
  party!: string;
}
