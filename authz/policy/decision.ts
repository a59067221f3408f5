import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One recorded decision. Rows are only ever added until they reach their age: triggers refuse UPDATE, TRUNCATE and an earlier DELETE. */
@Entity('policy_decision')
@Check('ck_policy_decision_occasion', `occasion IN ('token', 'guard', 'reassessment')`)
@Check('ck_policy_decision_outcome', `outcome IN ('permit', 'owner_approval', 'deny', 'need_info')`)
@Index('ix_policy_decision_party', ['party', 'id'])
@Index('ix_policy_decision_resource', ['resourceId', 'id'])
export class PolicyDecision {
  /** Decimal digits; later decisions have larger ones. */
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    primaryKeyConstraintName: 'pk_policy_decision',
    generatedIdentity: 'ALWAYS',
  })
  id!: string;

  @Index('ix_policy_decision_decided_at')
  @Column({ name: 'decided_at', type: 'timestamptz' })
  decidedAt!: Date;

  @Column({ name: 'occasion', type: 'text' })
  occasion!: string;

  @Column({ name: 'party', type: 'text' })
  party!: string;

  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  @Column({ name: 'owner', type: 'text', nullable: true })
  owner!: string | null;

  @Column({ name: 'resource_id', type: 'text' })
  resourceId!: string;

  @Column({ name: 'resource_type', type: 'text' })
  resourceType!: string;

  @Column({ name: 'resource_key', type: 'text' })
  resourceKey!: string;

  @Column({ name: 'scopes', type: 'text', array: true })
  scopes!: string[];

  @Column({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'reason', type: 'text' })
  reason!: string;

  @Column({ name: 'policies', type: 'text', array: true })
  policies!: string[];

  @Column({ name: 'claim_names', type: 'text', array: true })
  claimNames!: string[];

  /** SHA-256 (hex) of the policy set that decided. */
  @Column({ name: 'policy_set', type: 'text' })
  policySet!: string;

  /** An `AssessRequest`, to ask changed policies again: without claim values and secrets. Null when it was too large. */
  @Column({ name: 'question', type: 'jsonb', nullable: true })
  question!: object | null;
}
