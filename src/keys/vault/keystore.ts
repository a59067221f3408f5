import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type KeystoreOrigin = 'imported' | 'created';

/** An EIP-2335 keystore at rest. The password is sealed by the data key and opens only beside its public key. */
@Entity('keystore')
@Check('keystore_public_key_check', `public_key ~ '^0x[0-9a-f]{96}$'`)
@Check('keystore_withdrawal_credentials_check', `withdrawal_credentials ~ '^0x[0-9a-f]{64}$'`)
@Check('keystore_origin_check', `origin IN ('imported', 'created')`)
export class Keystore {
  /** Lower-case 0x, 48 bytes. */
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'keystore_pkey' })
  publicKey!: string;

  @Column({ name: 'keystore', type: 'jsonb' })
  keystore!: object;

  @Column({ name: 'sealed_password', type: 'bytea' })
  sealedPassword!: Buffer;

  @Column({ name: 'path', type: 'text', nullable: true })
  path!: string | null;

  /** INVARIANT: one value per key for ever (security.md, A13); set once. */
  @Column({ name: 'withdrawal_credentials', type: 'text', nullable: true })
  withdrawalCredentials!: string | null;

  @Column({ name: 'origin', type: 'text' })
  origin!: KeystoreOrigin;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
