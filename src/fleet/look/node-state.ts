import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type NodeKind = 'execution_node' | 'beacon_node' | 'validator_client';

/** What the last look at a part of the fleet found. */
@Entity('node_state')
@Check('node_state_kind', `kind IN ('execution_node', 'beacon_node', 'validator_client')`)
@Check('node_state_state', `state IN ('up', 'syncing', 'down', 'refused')`)
export class NodeState {
  @PrimaryColumn({ name: 'kind', type: 'text', primaryKeyConstraintName: 'pk_node_state' })
  kind!: NodeKind;

  @PrimaryColumn({ name: 'name', type: 'text', primaryKeyConstraintName: 'pk_node_state' })
  name!: string;

  /** `refused`: it answers, and is of another network than ours. */
  @Column({ name: 'state', type: 'text' })
  state!: 'up' | 'syncing' | 'down' | 'refused';

  /** One line for people. */
  @Column({ name: 'detail', type: 'text' })
  detail!: string;

  /** Since when it is in this state. */
  @Column({ name: 'since', type: 'timestamptz' })
  since!: Date;

  @Column({ name: 'checked_at', type: 'timestamptz' })
  checkedAt!: Date;
}
