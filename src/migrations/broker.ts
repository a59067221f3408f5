import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Broker1763700000005 implements MigrationInterface {
  readonly name = 'Broker1763700000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE service_instance (
        id text NOT NULL,
        service_id text NOT NULL,
        plan_id text NOT NULL,
        plan_key text NOT NULL,
        kind text NOT NULL,
        organization_guid text NOT NULL,
        space_guid text NOT NULL,
        platform text,
        namespace text,
        parameters jsonb NOT NULL,
        state text NOT NULL,
        owner text NOT NULL,
        client_id text NOT NULL,
        subject_kind text NOT NULL,
        address text,
        withdrawal_credentials text,
        encryption_public_key text,
        resource_id text NOT NULL,
        maintenance_version text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT service_instance_pk PRIMARY KEY (id),
        CONSTRAINT service_instance_id_length CHECK (char_length(id) BETWEEN 1 AND 255),
        CONSTRAINT service_instance_state
          CHECK (state IN ('provisioning', 'ready', 'updating', 'deprovisioning', 'failed')),
        CONSTRAINT service_instance_kind CHECK (kind IN ('validator', 'bundle', 'rpc', 'middleware'))
      )`);
    await runner.query('CREATE INDEX service_instance_owner ON service_instance (owner)');

    await runner.query(`
      CREATE TABLE service_binding (
        id text NOT NULL,
        instance_id text NOT NULL,
        service_id text NOT NULL,
        plan_id text NOT NULL,
        parameters jsonb NOT NULL,
        bind_resource jsonb,
        predecessor_id text,
        owner text NOT NULL,
        client_id text NOT NULL,
        resource_id text NOT NULL,
        token_hash bytea,
        credentials_sealed bytea NOT NULL,
        expires_at timestamptz(3),
        renew_before timestamptz(3),
        expired_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT service_binding_pk PRIMARY KEY (id),
        CONSTRAINT service_binding_id_length CHECK (char_length(id) BETWEEN 1 AND 255),
        CONSTRAINT service_binding_token_hash CHECK (token_hash IS NULL OR octet_length(token_hash) = 32),
        CONSTRAINT service_binding_renewal CHECK (renew_before IS NULL OR renew_before <= expires_at),
        CONSTRAINT service_binding_instance_fk
          FOREIGN KEY (instance_id) REFERENCES service_instance (id) ON DELETE RESTRICT
      )`);
    await runner.query('CREATE INDEX service_binding_instance ON service_binding (instance_id)');
    await runner.query(`
      CREATE INDEX service_binding_expiring ON service_binding (expires_at)
      WHERE expired_at IS NULL AND expires_at IS NOT NULL`);

    await runner.query(`
      CREATE TABLE operation (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        instance_id text NOT NULL,
        kind text NOT NULL,
        state text NOT NULL DEFAULT 'in progress',
        description text NOT NULL,
        target jsonb,
        instance_usable boolean,
        fence bigint NOT NULL DEFAULT 0,
        lease_until timestamptz(3),
        next_run_at timestamptz(3) NOT NULL DEFAULT now(),
        created_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
        finished_at timestamptz(3),
        CONSTRAINT operation_pk PRIMARY KEY (id),
        CONSTRAINT operation_kind CHECK (kind IN ('provision', 'update', 'deprovision')),
        CONSTRAINT operation_state CHECK (state IN ('in progress', 'succeeded', 'failed')),
        CONSTRAINT operation_description CHECK (description <> ''),
        CONSTRAINT operation_finished CHECK ((state = 'in progress') = (finished_at IS NULL)),
        CONSTRAINT operation_instance_fk
          FOREIGN KEY (instance_id) REFERENCES service_instance (id) ON DELETE CASCADE
      )`);
    await runner.query("CREATE INDEX operation_due ON operation (next_run_at) WHERE state = 'in progress'");
    await runner.query(
      "CREATE UNIQUE INDEX operation_one_in_progress ON operation (instance_id) WHERE state = 'in progress'",
    );
    await runner.query('CREATE INDEX operation_instance ON operation (instance_id, created_at)');

    await runner.query(`
      CREATE TABLE tombstone (
        instance_id text NOT NULL,
        binding_id text NOT NULL,
        owner text NOT NULL,
        deleted_at timestamptz(3) NOT NULL,
        CONSTRAINT tombstone_pk PRIMARY KEY (instance_id, binding_id)
      )`);
    await runner.query('CREATE INDEX tombstone_deleted ON tombstone (deleted_at)');

    await runner.query(`
      CREATE TABLE dashboard_link (
        digest bytea NOT NULL,
        instance_id text NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        CONSTRAINT dashboard_link_pk PRIMARY KEY (digest),
        CONSTRAINT dashboard_link_digest CHECK (octet_length(digest) = 32),
        CONSTRAINT dashboard_link_instance_fk
          FOREIGN KEY (instance_id) REFERENCES service_instance (id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['dashboard_link', 'tombstone', 'operation', 'service_binding', 'service_instance'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
