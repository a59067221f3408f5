import type { MigrationInterface, QueryRunner } from 'typeorm';

const STATES =
  "'preflight','draining','confirming','restarted','quiet','ready','importing','verify','placed','aborted','hold'";

/** Vault, slashing protection, signing rights and moves. */
export class Keys1763700000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await vault(runner);
    await protection(runner);
    await rights(runner);
    await moves(runner);
    await guards(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `DROP TABLE mover_pause, page, key_tombstone, evidence, move, assignment, signing_right,
                  signed_attestation, signed_block, protection_ledger, keystore`,
    );
    await runner.query(
      'DROP FUNCTION refuse_change(), protection_ledger_never_down(), keystore_credentials_set_once()',
    );
  }
}

async function vault(runner: QueryRunner): Promise<void> {
  await runner.query(`CREATE TABLE keystore (
    public_key text NOT NULL CONSTRAINT keystore_pkey PRIMARY KEY CHECK (public_key ~ '^0x[0-9a-f]{96}$'),
    keystore jsonb NOT NULL,
    sealed_password bytea NOT NULL,
    path text,
    withdrawal_credentials text CHECK (withdrawal_credentials ~ '^0x[0-9a-f]{64}$'),
    origin text NOT NULL CHECK (origin IN ('imported', 'created')),
    created_at timestamptz NOT NULL DEFAULT now())`);
}

async function protection(runner: QueryRunner): Promise<void> {
  await runner.query(`CREATE TABLE protection_ledger (
    public_key text NOT NULL CONSTRAINT protection_ledger_pkey PRIMARY KEY,
    source_epoch bigint CHECK (source_epoch >= 0),
    target_epoch bigint CHECK (target_epoch >= 0),
    slot bigint CHECK (slot >= 0),
    updated_at timestamptz NOT NULL DEFAULT now())`);
  await runner.query(`CREATE TABLE signed_block (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT signed_block_pkey PRIMARY KEY,
    public_key text NOT NULL,
    slot bigint NOT NULL CHECK (slot >= 0),
    signing_root text)`);
  await runner.query('CREATE INDEX signed_block_key_slot ON signed_block (public_key, slot)');
  await runner.query(`CREATE TABLE signed_attestation (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT signed_attestation_pkey PRIMARY KEY,
    public_key text NOT NULL,
    source_epoch bigint NOT NULL CHECK (source_epoch >= 0),
    target_epoch bigint NOT NULL CHECK (target_epoch >= 0),
    signing_root text)`);
  await runner.query('CREATE INDEX signed_attestation_key_target ON signed_attestation (public_key, target_epoch)');
}

async function rights(runner: QueryRunner): Promise<void> {
  await runner.query(`CREATE TABLE signing_right (
    public_key text NOT NULL CONSTRAINT signing_right_pkey PRIMARY KEY,
    holder_kind text NOT NULL CHECK (holder_kind IN ('none', 'validator_client', 'pod')),
    holder_name text,
    via text NOT NULL DEFAULT 'local' CHECK (via IN ('local', 'remote')),
    generation bigint NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT signing_right_named CHECK ((holder_kind = 'none') = (holder_name IS NULL)))`);
  await runner.query('CREATE INDEX signing_right_holder ON signing_right (holder_name)');
  await runner.query(`CREATE TABLE assignment (
    id uuid NOT NULL CONSTRAINT assignment_pkey PRIMARY KEY,
    public_key text NOT NULL,
    validator_client text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz)`);
  await runner.query('CREATE UNIQUE INDEX assignment_one_live ON assignment (public_key) WHERE ended_at IS NULL');
  await runner.query('CREATE INDEX assignment_client ON assignment (validator_client) WHERE ended_at IS NULL');
}

async function moves(runner: QueryRunner): Promise<void> {
  await runner.query(`CREATE TABLE move (
    id uuid NOT NULL CONSTRAINT move_pkey PRIMARY KEY,
    public_key text NOT NULL,
    from_client text NOT NULL,
    to_client text NOT NULL,
    source text NOT NULL,
    destination text NOT NULL,
    state text NOT NULL CHECK (state IN (${STATES})),
    reason text NOT NULL,
    hold_reason text,
    plan_id text,
    instance_id text,
    progress jsonb NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    next_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT move_elsewhere CHECK (from_client <> to_client))`);
  await runner.query(
    `CREATE UNIQUE INDEX move_one_unfinished ON move (public_key) WHERE state NOT IN ('placed', 'aborted')`,
  );
  await runner.query(`CREATE INDEX move_due ON move (next_at) WHERE state NOT IN ('placed', 'aborted')`);
  await runner.query('CREATE INDEX move_plan ON move (plan_id)');
  await runner.query('CREATE INDEX move_instance ON move (instance_id)');
  await runner.query(`CREATE TABLE evidence (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT evidence_pkey PRIMARY KEY,
    move_id uuid,
    public_key text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text,
    kind text NOT NULL,
    detail jsonb NOT NULL)`);
  await runner.query('CREATE INDEX evidence_move ON evidence (move_id, id)');
  await runner.query('CREATE INDEX evidence_key ON evidence (public_key, id)');
  await runner.query(`CREATE TABLE key_tombstone (
    public_key text NOT NULL,
    validator_client text NOT NULL,
    why text NOT NULL CHECK (why IN ('deleted', 'import intent')),
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT key_tombstone_pkey PRIMARY KEY (public_key, validator_client))`);
  await runner.query(`CREATE TABLE page (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT page_pkey PRIMARY KEY,
    kind text NOT NULL,
    public_key text NOT NULL DEFAULT '',
    validator_client text NOT NULL DEFAULT '',
    text text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz)`);
  await runner.query(
    'CREATE UNIQUE INDEX page_one_open ON page (kind, public_key, validator_client) WHERE acknowledged_at IS NULL',
  );
  await runner.query(`CREATE TABLE mover_pause (
    id integer NOT NULL DEFAULT 1 CONSTRAINT mover_pause_pkey PRIMARY KEY CONSTRAINT mover_pause_single CHECK (id = 1),
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now())`);
}

/** What the application may never do, not even by mistake (security.md, A15). */
async function guards(runner: QueryRunner): Promise<void> {
  await runner.query(`CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% on % is refused: its rows are kept for ever', TG_OP, TG_TABLE_NAME; END $$`);
  await runner.query(`CREATE FUNCTION protection_ledger_never_down() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.public_key <> OLD.public_key
        OR COALESCE(NEW.source_epoch, -1) < COALESCE(OLD.source_epoch, -1)
        OR COALESCE(NEW.target_epoch, -1) < COALESCE(OLD.target_epoch, -1)
        OR COALESCE(NEW.slot, -1) < COALESCE(OLD.slot, -1)
      THEN RAISE EXCEPTION 'the protection ledger never goes down'; END IF;
      RETURN NEW;
    END $$`);
  await runner.query(`CREATE FUNCTION keystore_credentials_set_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.withdrawal_credentials IS DISTINCT FROM NEW.withdrawal_credentials AND OLD.withdrawal_credentials IS NOT NULL
      THEN RAISE EXCEPTION 'a key has one value of withdrawal credentials for ever'; END IF;
      RETURN NEW;
    END $$`);
  await runner.query(`CREATE TRIGGER protection_ledger_monotone BEFORE UPDATE ON protection_ledger
    FOR EACH ROW EXECUTE FUNCTION protection_ledger_never_down()`);
  await runner.query(`CREATE TRIGGER keystore_credentials BEFORE UPDATE ON keystore
    FOR EACH ROW EXECUTE FUNCTION keystore_credentials_set_once()`);
  await runner.query(`CREATE TRIGGER protection_ledger_kept BEFORE DELETE ON protection_ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change()`);
  for (const table of ['evidence', 'signed_block', 'signed_attestation']) {
    await runner.query(`CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION refuse_change()`);
  }
  for (const table of ['protection_ledger', 'evidence', 'signed_block', 'signed_attestation']) {
    await runner.query(`CREATE TRIGGER ${table}_not_emptied BEFORE TRUNCATE ON ${table}
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`);
  }
}
