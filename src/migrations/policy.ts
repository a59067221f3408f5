import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Policy1763700000002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE policy_decision (
        id bigint GENERATED ALWAYS AS IDENTITY,
        decided_at timestamptz NOT NULL,
        occasion text NOT NULL,
        party text NOT NULL,
        client_id text NOT NULL,
        owner text,
        resource_id text NOT NULL,
        resource_type text NOT NULL,
        resource_key text NOT NULL,
        scopes text[] NOT NULL,
        outcome text NOT NULL,
        reason text NOT NULL,
        policies text[] NOT NULL,
        claim_names text[] NOT NULL,
        policy_set text NOT NULL,
        question jsonb,
        CONSTRAINT pk_policy_decision PRIMARY KEY (id),
        CONSTRAINT ck_policy_decision_occasion CHECK (occasion IN ('token', 'guard', 'reassessment')),
        CONSTRAINT ck_policy_decision_outcome CHECK (outcome IN ('permit', 'owner_approval', 'deny', 'need_info'))
      )`);
    await queryRunner.query('CREATE INDEX ix_policy_decision_party ON policy_decision (party, id)');
    await queryRunner.query('CREATE INDEX ix_policy_decision_resource ON policy_decision (resource_id, id)');
    await queryRunner.query('CREATE INDEX ix_policy_decision_decided_at ON policy_decision (decided_at)');
    await queryRunner.query(`
      CREATE TABLE decision_retention (
        one boolean NOT NULL DEFAULT true,
        days integer NOT NULL,
        CONSTRAINT pk_decision_retention PRIMARY KEY (one),
        CONSTRAINT ck_decision_retention_one CHECK (one),
        CONSTRAINT ck_decision_retention_days CHECK (days >= 1)
      )`);
    await queryRunner.query(`
      CREATE FUNCTION policy_decision_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'policy_decision is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER policy_decision_append_only
        BEFORE UPDATE OR TRUNCATE ON policy_decision
        FOR EACH STATEMENT EXECUTE FUNCTION policy_decision_append_only()`);
    await queryRunner.query(`
      CREATE FUNCTION policy_decision_kept() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        kept integer := (SELECT days FROM decision_retention);
      BEGIN
        IF EXISTS (SELECT FROM gone WHERE kept IS NULL OR decided_at >= now() - make_interval(days => kept)) THEN
          RAISE EXCEPTION 'policy_decision is append-only: DELETE of what is to be kept refused' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER policy_decision_kept
        AFTER DELETE ON policy_decision REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION policy_decision_kept()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE policy_decision, decision_retention');
    await queryRunner.query('DROP FUNCTION policy_decision_append_only, policy_decision_kept');
  }
}
