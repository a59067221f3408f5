import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Gateway1763700000006 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE rpc_endpoint (
        resource_id text NOT NULL,
        binding_id text NOT NULL,
        groups text[] NOT NULL,
        limits jsonb NOT NULL,
        token_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        allowed_origins text[],
        validator_instance_id text,
        opened_at timestamptz NOT NULL DEFAULT now(),
        closed_at timestamptz,
        closed_in_transaction bigint,
        CONSTRAINT pk_rpc_endpoint PRIMARY KEY (resource_id),
        CONSTRAINT ck_rpc_endpoint_binding_id CHECK (length(binding_id) BETWEEN 1 AND 1024),
        CONSTRAINT ck_rpc_endpoint_groups CHECK (groups <@ ARRAY['read','logs','send','trace']),
        CONSTRAINT ck_rpc_endpoint_closed CHECK ((closed_at IS NULL) = (closed_in_transaction IS NULL)),
        CONSTRAINT ck_rpc_endpoint_token_hash CHECK (octet_length(token_hash) = 32)
      )`);
    await queryRunner.query(
      'CREATE UNIQUE INDEX ux_rpc_endpoint_open_binding ON rpc_endpoint (binding_id) WHERE closed_at IS NULL',
    );
    await queryRunner.query(
      'CREATE INDEX ix_rpc_endpoint_closed_in_transaction ON rpc_endpoint (closed_in_transaction) WHERE closed_in_transaction IS NOT NULL',
    );
    await queryRunner.query(`
      CREATE TABLE rpc_usage (
        resource_id text NOT NULL,
        day date NOT NULL,
        requests bigint NOT NULL,
        units bigint NOT NULL,
        CONSTRAINT pk_rpc_usage PRIMARY KEY (resource_id, day),
        CONSTRAINT ck_rpc_usage_counts CHECK (requests >= 0 AND units >= 0)
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE rpc_usage');
    await queryRunner.query('DROP TABLE rpc_endpoint');
  }
}
