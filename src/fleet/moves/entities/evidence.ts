import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * What was asked, answered and decided about a key: raw answers, for ever.
 * INVARIANT: rows are only added (triggers evidence_append_only, evidence_kept).
 */
@Entity('evidence')
@Index('evidence_move', ['moveId', 'id'])
@Index('evidence_key', ['publicKey', 'id'])
export class Evidence {
  @PrimaryGeneratedColumn('identity', {
    name: 'id',
    type: 'bigint',
    primaryKeyConstraintName: 'evidence_pkey',
    generatedIdentity: 'ALWAYS',
  })
  id!: string;

  /** Null: the reconciler's. */
  @Column({ name: 'move_id', type: 'uuid', nullable: true })
  moveId!: string | null;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'at', type: 'timestamptz', default: () => 'clock_timestamp()' })
  at!: Date;

  @Column({ name: 'state', type: 'text', nullable: true })
  state!: string | null;

  @Column({ name: 'kind', type: 'text' })
  kind!: string;

  @Column({ name: 'detail', type: 'jsonb' })
  detail!: unknown;
}
