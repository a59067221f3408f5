import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';

import type { Certificate } from '../planner/optimise.js';

export type PlanState = 'proposed' | 'approved' | 'running' | 'done' | 'superseded';

/** What planning found, as it is shown. */
export interface PlanDocument {
  readonly certificate: Certificate;
  readonly shadow_prices: unknown;
  readonly unmet: unknown;
  readonly contradictions: readonly string[];
  readonly repoints: readonly unknown[];
  readonly targets: unknown;
  readonly budget: number;
}

/**
 * A plan to bring the fleet inside its targets: proposed → approved → running → done; a newer one supersedes it.
 * INVARIANT: one_plan_in_force — at most one plan is approved or running.
 */
@Entity('rebalancing_plan')
@Index('one_plan_in_force', ['whatIf'], { unique: true, where: `state IN ('approved', 'running')` })
@Check('rebalancing_plan_state', `state IN ('proposed', 'approved', 'running', 'done', 'superseded')`)
@Check('rebalancing_plan_what_if', `NOT what_if OR state IN ('proposed', 'superseded')`)
export class RebalancingPlan {
  @PrimaryGeneratedColumn('uuid', { name: 'id', primaryKeyConstraintName: 'pk_rebalancing_plan' })
  id!: string;

  @Column({ name: 'state', type: 'text' })
  state!: PlanState;

  @Column({ name: 'what_if', type: 'boolean' })
  whatIf!: boolean;

  @Column({ name: 'result', type: 'jsonb' })
  result!: PlanDocument;

  /** Party of who approved it, or `auto`. */
  @Column({ name: 'approved_by', type: 'text', nullable: true })
  approvedBy!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @Column({ name: 'approved_at', type: 'timestamptz', nullable: true })
  approvedAt!: Date | null;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt!: Date | null;
}

export type PlannedMoveState = 'planned' | 'started' | 'placed' | 'aborted' | 'skipped';

/** One key's move as planned; it becomes a move of the move protocol when its turn comes. */
@Entity('planned_move')
@Index('planned_move_key', ['planId', 'publicKey'], { unique: true })
@Check('planned_move_state', `state IN ('planned', 'started', 'placed', 'aborted', 'skipped')`)
@Check('planned_move_started', `state IN ('planned', 'skipped') OR move_id IS NOT NULL`)
export class PlannedMove {
  @PrimaryColumn({ name: 'plan_id', type: 'uuid', primaryKeyConstraintName: 'pk_planned_move' })
  planId!: string;

  @ManyToOne(() => RebalancingPlan, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'plan_id', foreignKeyConstraintName: 'fk_planned_move_plan' })
  plan?: Relation<RebalancingPlan>;

  @PrimaryColumn({ name: 'position', type: 'integer', primaryKeyConstraintName: 'pk_planned_move' })
  position!: number;

  @Column({ name: 'public_key', type: 'text' })
  publicKey!: string;

  @Column({ name: 'from_client', type: 'text' })
  from!: string;

  @Column({ name: 'to_client', type: 'text' })
  to!: string;

  /** Implementations of the two validator clients, `lighthouse>nimbus`: each pair has a canary. */
  @Column({ name: 'client_pair', type: 'text' })
  clientPair!: string;

  @Column({ name: 'reason', type: 'text' })
  reason!: string;

  @Column({ name: 'state', type: 'text' })
  state!: PlannedMoveState;

  @Column({ name: 'move_id', type: 'text', nullable: true })
  moveId!: string | null;

  /** Why it was skipped or aborted. */
  @Column({ name: 'note', type: 'text', nullable: true })
  note!: string | null;
}
