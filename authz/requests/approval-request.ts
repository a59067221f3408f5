import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What waits for the resource owner (`request_submitted`). One approval serves one party, one resource, one digest of
 * parameters: `pending` → `approved` | `denied` | `expired`; `approved` → `used` when the request it was for is carried out.
 */
@Entity('approval_request')
@Check('approval_request_state', `state IN ('pending', 'approved', 'denied', 'used', 'expired')`)
@Index('approval_request_one_pending', ['party', 'resourceId', 'scopes', 'digest'], {
  unique: true,
  where: "state = 'pending'",
})
@Index('approval_request_owner', ['owner', 'createdAt', 'id'])
export class ApprovalRequest {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'approval_request_pkey' })
  id!: string;

  @Column({ type: 'text' })
  party!: string;

  @Column({ type: 'text', name: 'client_id' })
  clientId!: string;

  /** The resource owner, who alone decides: its client_id. */
  @Column({ type: 'text' })
  owner!: string;

  @Index('approval_request_resource_id')
  @Column({ type: 'text', name: 'resource_id' })
  resourceId!: string;

  /** As people know it, also after it is gone. */
  @Column({ type: 'jsonb' })
  resource!: { readonly type: string; readonly key: string; readonly name: string };

  @Column({ type: 'text', array: true })
  scopes!: string[];

  /** Digest of the request's parameters; empty until they are known. */
  @Column({ type: 'text' })
  digest!: string;

  @Column({ type: 'text' })
  reason!: string;

  @Column({ type: 'text', array: true })
  policies!: string[];

  @Column({ type: 'text' })
  state!: 'pending' | 'approved' | 'denied' | 'used' | 'expired';

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', name: 'decided_at', nullable: true })
  decidedAt!: Date | null;

  @Column({ type: 'text', name: 'decided_by', nullable: true })
  decidedBy!: string | null;

  @Column({ type: 'text', name: 'decision_reason', nullable: true })
  decisionReason!: string | null;
}
