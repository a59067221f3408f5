import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Which middleware instance speaks for a key at the relay. INVARIANT: a key has one (the primary key). */
@Entity('relay_registration')
@Index('relay_registration_instance', ['instanceId'])
export class RelayRegistration {
  /** Lower-case 0x, 48 bytes. */
  @PrimaryColumn({ name: 'public_key', type: 'text', primaryKeyConstraintName: 'relay_registration_pkey' })
  publicKey!: string;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;
}
