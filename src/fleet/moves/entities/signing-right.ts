import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../../../keys/slashing-protection/bigint-column.js';

/**
 * Who may sign with a key.
 * INVARIANT: one row, hence one holder, per key (signing_right_pkey); a key without a row is nobody's.
 */
@Entity('signing_right')
@Index('signing_right_holder', ['holderName'])
@Check('signing_right_holder_kind_check', `holder_kind IN ('none', 'validator_client', 'pod')`)
@Check('signing_right_via_check', `via IN ('local', 'remote')`)
@Check('signing_right_named', `(holder_kind = 'none') = (holder_name IS NULL)`)
export class SigningRight {
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'signing_right_pkey' })
  publicKey!: string;

  @Column({ name: 'holder_kind', type: 'text' })
  holderKind!: 'none' | 'validator_client' | 'pod';

  /** Null exactly when nobody holds it. */
  @Column({ name: 'holder_name', type: 'text', nullable: true })
  holderName!: string | null;

  /** `local`: the holder has the key. `remote`: our signer signs for it. */
  @Column({ name: 'via', type: 'text', default: 'local' })
  via!: 'local' | 'remote';

  /** Rises with every change of holder. */
  @Column({ name: 'generation', type: 'bigint', default: '1', transformer: bigintColumn })
  generation!: bigint;

  @Column({ name: 'since', type: 'timestamptz', default: () => 'now()' })
  since!: Date;
}
