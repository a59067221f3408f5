import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the database itself remembers of its own history (security.md A1), and which documents are in force (C3). */
export class Database1763700000000 implements MigrationInterface {
  readonly name = 'Database1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE database_incarnation (
        only_row boolean NOT NULL DEFAULT true,
        system_identifier text NOT NULL,
        timeline integer NOT NULL,
        highest_lsn pg_lsn NOT NULL,
        ticks bigint NOT NULL,
        confirmations bigint NOT NULL DEFAULT 0,
        sealed_reason text,
        CONSTRAINT database_incarnation_pkey PRIMARY KEY (only_row),
        CONSTRAINT database_incarnation_one_row CHECK (only_row)
      )`);
    await runner.query(`
      CREATE TABLE document_in_force (
        name text NOT NULL,
        hash text NOT NULL,
        edited_at timestamptz NOT NULL,
        confirmed_at timestamptz NOT NULL,
        CONSTRAINT document_in_force_pkey PRIMARY KEY (name)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE document_in_force');
    await runner.query('DROP TABLE database_incarnation');
  }
}
