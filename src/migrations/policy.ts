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
    await queryRunner.query(`
      CREATE FUNCTION policy_decision_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'policy_decision is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER policy_decision_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_decision
        FOR EACH STATEMENT EXECUTE FUNCTION policy_decision_append_only()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE policy_decision');
    await queryRunner.query('DROP FUNCTION policy_decision_append_only');
  }
}
