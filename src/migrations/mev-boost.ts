import type { MigrationInterface, QueryRunner } from 'typeorm';

export class MevBoost1763700000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE relay_registration (
        public_key text CONSTRAINT relay_registration_pkey PRIMARY KEY,
        instance_id text NOT NULL
      )`);
    await runner.query('CREATE INDEX relay_registration_instance ON relay_registration (instance_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE relay_registration');
  }
}
