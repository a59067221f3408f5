import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A key was taken from, or an import of it was begun at, a validator client: there the reconciler may delete it. */
@Entity('key_tombstone')
@Check('key_tombstone_why_check', `why IN ('deleted', 'import intent')`)
export class KeyTombstone {
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'key_tombstone_pkey' })
  publicKey!: string;

  @PrimaryColumn({ name: 'validator_client', type: 'text', primaryKeyConstraintName: 'key_tombstone_pkey' })
  validatorClient!: string;

  @Column({ name: 'why', type: 'text' })
  why!: 'deleted' | 'import intent';

  @Column({ name: 'at', type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
