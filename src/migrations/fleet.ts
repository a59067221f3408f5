import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the fleet knows (node states, stakes), its plans, and the wishes for keys with their allocations. */
export class Fleet1763700000004 implements MigrationInterface {
  readonly name = 'Fleet1763700000004';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const tables = [
      'pool_balance',
      'sandbox_stake',
      'instance_allocation',
      'wish',
      'planned_move',
      'rebalancing_plan',
      'validator_stake',
      'node_state',
    ];
    for (const table of tables) await runner.query(`DROP TABLE ${table}`);
  }
}

const UP = [
  `CREATE TABLE node_state (
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    detail text NOT NULL,
    since timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    CONSTRAINT pk_node_state PRIMARY KEY (kind, name),
    CONSTRAINT node_state_kind CHECK (kind IN ('execution_node', 'beacon_node', 'validator_client')),
    CONSTRAINT node_state_state CHECK (state IN ('up', 'syncing', 'down', 'refused'))
  )`,
  `CREATE TABLE validator_stake (
    public_key text NOT NULL,
    validator_index bigint NOT NULL,
    status text NOT NULL,
    effective_balance_gwei bigint NOT NULL,
    withdrawal_credentials text,
    seen_at timestamptz NOT NULL,
    CONSTRAINT pk_validator_stake PRIMARY KEY (public_key),
    CONSTRAINT validator_stake_key CHECK (public_key ~ '^0x[0-9a-f]{96}$'),
    CONSTRAINT validator_stake_balance CHECK (effective_balance_gwei >= 0)
  )`,
  `CREATE TABLE rebalancing_plan (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    state text NOT NULL,
    what_if boolean NOT NULL,
    result jsonb NOT NULL,
    approved_by text,
    created_at timestamptz NOT NULL,
    approved_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_rebalancing_plan PRIMARY KEY (id),
    CONSTRAINT rebalancing_plan_state CHECK (state IN ('proposed', 'approved', 'running', 'done', 'superseded')),
    CONSTRAINT rebalancing_plan_what_if CHECK (NOT what_if OR state IN ('proposed', 'superseded'))
  )`,
  // INVARIANT: one_plan_in_force — at most one plan moves keys at a time (what_if is false in these states).
  `CREATE UNIQUE INDEX one_plan_in_force ON rebalancing_plan (what_if) WHERE state IN ('approved', 'running')`,
  `CREATE TABLE planned_move (
    plan_id uuid NOT NULL,
    position integer NOT NULL,
    public_key text NOT NULL,
    from_client text NOT NULL,
    to_client text NOT NULL,
    client_pair text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    move_id text,
    note text,
    CONSTRAINT pk_planned_move PRIMARY KEY (plan_id, position),
    CONSTRAINT fk_planned_move_plan FOREIGN KEY (plan_id) REFERENCES rebalancing_plan (id) ON DELETE CASCADE,
    CONSTRAINT planned_move_state CHECK (state IN ('planned', 'started', 'placed', 'aborted', 'skipped')),
    CONSTRAINT planned_move_started CHECK (state IN ('planned', 'skipped') OR move_id IS NOT NULL)
  )`,
  // INVARIANT: planned_move_key — a plan moves a key once.
  `CREATE UNIQUE INDEX planned_move_key ON planned_move (plan_id, public_key)`,
  `CREATE TABLE wish (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    instance_id text NOT NULL,
    party text NOT NULL,
    address text,
    withdrawal_credentials text,
    subject_kind text NOT NULL,
    plan text,
    members jsonb NOT NULL,
    keys integer NOT NULL,
    named boolean NOT NULL,
    region text,
    kind text NOT NULL,
    fee_recipient text,
    gas_limit text,
    graffiti text,
    created_at timestamptz NOT NULL,
    honoured_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_wish PRIMARY KEY (id),
    CONSTRAINT wish_subject_kind CHECK (subject_kind IN ('operator', 'platform', 'party')),
    CONSTRAINT wish_kind CHECK (kind IN ('soft', 'hard')),
    CONSTRAINT wish_keys CHECK (keys > 0)
  )`,
  // INVARIANT: wish_live_instance — an instance has one live wish.
  'CREATE UNIQUE INDEX wish_live_instance ON wish (instance_id) WHERE ended_at IS NULL',
  'CREATE INDEX wish_live_party ON wish (party) WHERE ended_at IS NULL',
  'CREATE INDEX wish_live_plan ON wish (plan) WHERE ended_at IS NULL',
  `CREATE TABLE instance_allocation (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    wish_id uuid NOT NULL,
    public_key text NOT NULL,
    consensus text NOT NULL,
    execution text NOT NULL,
    move_id text,
    to_client text,
    attempts integer NOT NULL DEFAULT 0,
    allocated_at timestamptz NOT NULL,
    released_at timestamptz,
    CONSTRAINT pk_instance_allocation PRIMARY KEY (id),
    CONSTRAINT fk_instance_allocation_wish FOREIGN KEY (wish_id) REFERENCES wish (id)
  )`,
  // INVARIANT: instance_allocation_live_key — a key belongs to at most one live instance.
  'CREATE UNIQUE INDEX instance_allocation_live_key ON instance_allocation (public_key) WHERE released_at IS NULL',
  'CREATE INDEX instance_allocation_wish ON instance_allocation (wish_id)',
  `CREATE TABLE sandbox_stake (
    position integer NOT NULL,
    party text NOT NULL,
    CONSTRAINT pk_sandbox_stake PRIMARY KEY (position)
  )`,
  'CREATE UNIQUE INDEX sandbox_stake_party ON sandbox_stake (party)',
  `CREATE TABLE pool_balance (
    token text NOT NULL,
    address text NOT NULL,
    gwei bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT pk_pool_balance PRIMARY KEY (token, address),
    CONSTRAINT pool_balance_gwei CHECK (gwei >= 0)
  )`,
];
