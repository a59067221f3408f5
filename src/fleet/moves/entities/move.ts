import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../../../keys/slashing-protection/bigint-column.js';
import type { MoveState } from '../contract.js';

/**
 * One key on its way from one validator client to another.
 * INVARIANT: at most one unfinished move per key, `hold` included (unique index move_one_unfinished).
 */
@Entity('move')
@Index('move_one_unfinished', ['publicKey'], { unique: true, where: `state NOT IN ('placed', 'aborted')` })
@Index('move_due', ['nextAt'], { where: `state NOT IN ('placed', 'aborted')` })
@Index('move_plan', ['planId'])
@Index('move_instance', ['instanceId'])
@Check(
  'move_state_check',
  `state IN ('preflight','draining','confirming','restarted','quiet','ready','importing','verify','placed','aborted','hold')`,
)
@Check('move_elsewhere', 'from_client <> to_client')
export class Move {
  @PrimaryColumn({ name: 'id', type: 'uuid', primaryKeyConstraintName: 'move_pkey' })
  id!: string;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  /** As asked; for people. */
  @Column({ name: 'from_client', type: 'text' })
  fromClient!: string;

  @Column({ name: 'to_client', type: 'text' })
  toClient!: string;

  /** The client being drained now: `from_client`, or the destination after a doubtful import. */
  @Column({ name: 'source', type: 'text' })
  source!: string;

  /** The client to import at: `to_client`, or `from_client` after turning back. */
  @Column({ name: 'destination', type: 'text' })
  destination!: string;

  @Column({ name: 'state', type: 'text' })
  state!: MoveState;

  @Column({ name: 'reason', type: 'text' })
  reason!: string;

  @Column({ name: 'hold_reason', type: 'text', nullable: true })
  holdReason!: string | null;

  @Column({ name: 'plan_id', type: 'text', nullable: true })
  planId!: string | null;

  @Column({ name: 'instance_id', type: 'text', nullable: true })
  instanceId!: string | null;

  @Column({ name: 'progress', type: 'jsonb' })
  progress!: object;

  /** Rises with every claim; a write under an older one is refused. */
  @Column({ name: 'fence', type: 'bigint', default: '0', transformer: bigintColumn })
  fence!: bigint;

  @Column({ name: 'lease_until', type: 'timestamptz', nullable: true })
  leaseUntil!: Date | null;

  @Column({ name: 'next_at', type: 'timestamptz', default: () => 'now()' })
  nextAt!: Date;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
