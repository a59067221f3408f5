import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Permission } from '../contract.js';
import type { GatheredClaims } from '../gathered-claims.js';

/**
 * A permission ticket (UMA Grant 3.2.1), kept by its digest alone.
 * INVARIANT: a ticket is spent by deleting its row, so that of N parallel presentations one finds it (M).
 */
@Entity('permission_ticket')
export class PermissionTicket {
  /** SHA-256 of the ticket. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'permission_ticket_pkey' })
  digest!: Buffer;

  /** The resource server whose resources it names; a ticket never spans two (security.md B3). */
  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'jsonb' })
  permissions!: Permission[];

  /** The client that presented its predecessor first; nobody else may present it (security.md B7). */
  @Column({ type: 'text', name: 'client_id', nullable: true })
  clientId!: string | null;

  /** Claims its predecessors brought. */
  @Column({ type: 'jsonb', nullable: true })
  gathered!: GatheredClaims | null;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Index('permission_ticket_expires_at')
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;
}
