import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * One row: for how many days decisions are kept. INVARIANT: a trigger refuses to delete a younger decision, and any while
 * there is no row.
 */
@Entity('decision_retention')
@Check('ck_decision_retention_one', 'one')
@Check('ck_decision_retention_days', 'days >= 1')
export class DecisionRetention {
  @PrimaryColumn({ name: 'one', type: 'boolean', default: true, primaryKeyConstraintName: 'pk_decision_retention' })
  one!: true;

  @Column({ name: 'days', type: 'integer' })
  days!: number;
}
