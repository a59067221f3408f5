import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * An alert for people. Any that nobody acknowledged keeps new moves from starting.
 * INVARIANT: one open page per kind, key and validator client (unique index page_one_open).
 */
@Entity('page')
@Index('page_one_open', ['kind', 'publicKey', 'validatorClient'], { unique: true, where: 'acknowledged_at IS NULL' })
export class Page {
  @PrimaryGeneratedColumn('identity', {
    name: 'id',
    type: 'bigint',
    primaryKeyConstraintName: 'page_pkey',
    generatedIdentity: 'ALWAYS',
  })
  id!: string;

  @Column({ name: 'kind', type: 'text' })
  kind!: string;

  /** Empty when the page is about no single key, or no single client. */
  @Column({ name: 'public_key', type: 'text', default: '' })
  publicKey!: string;

  @Column({ name: 'validator_client', type: 'text', default: '' })
  validatorClient!: string;

  @Column({ name: 'text', type: 'text' })
  text!: string;

  @Column({ name: 'raised_at', type: 'timestamptz', default: () => 'now()' })
  raisedAt!: Date;

  @Column({ name: 'acknowledged_at', type: 'timestamptz', nullable: true })
  acknowledgedAt!: Date | null;
}
