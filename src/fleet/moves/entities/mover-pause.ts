import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** INVARIANT: one row at most (mover_pause_single): present, no new move leaves preflight. */
@Entity('mover_pause')
@Check('mover_pause_single', 'id = 1')
export class MoverPause {
  @PrimaryColumn({ name: 'id', type: 'integer', primaryKeyConstraintName: 'mover_pause_pkey', default: 1 })
  id!: number;

  @Column({ name: 'reason', type: 'text' })
  reason!: string;

  @Column({ name: 'since', type: 'timestamptz', default: () => 'now()' })
  since!: Date;
}
