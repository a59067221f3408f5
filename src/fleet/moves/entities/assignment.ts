import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * Key ↔ validator client over time; the live one has no end.
 * INVARIANT: at most one live assignment per key (unique index assignment_one_live).
 */
@Entity('assignment')
@Index('assignment_one_live', ['publicKey'], { unique: true, where: 'ended_at IS NULL' })
@Index('assignment_client', ['validatorClient'], { where: 'ended_at IS NULL' })
export class Assignment {
  @PrimaryColumn({ name: 'id', type: 'uuid', primaryKeyConstraintName: 'assignment_pkey' })
  id!: string;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'validator_client', type: 'text' })
  validatorClient!: string;

  @Column({ name: 'since', type: 'timestamptz', default: () => 'now()' })
  since!: Date;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
