import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The authorization server's tables. Secrets (tickets, tokens, PCTs) are kept as SHA-256 digests only. */
export class Authz1763700000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE oauth_record (
        model text NOT NULL, digest bytea NOT NULL, payload jsonb NOT NULL, expires_at timestamptz,
        CONSTRAINT oauth_record_pkey PRIMARY KEY (model, digest));
      CREATE INDEX oauth_record_expires_at ON oauth_record (expires_at);

      CREATE TABLE signing_key (
        kid text NOT NULL, public_key jsonb NOT NULL, sealed_private_key bytea NOT NULL,
        created_at timestamptz NOT NULL, retired_at timestamptz,
        CONSTRAINT signing_key_pkey PRIMARY KEY (kid));

      CREATE TABLE resource (
        id text NOT NULL, owner text NOT NULL, type text NOT NULL, key text NOT NULL, scopes text[] NOT NULL,
        attributes jsonb NOT NULL, document jsonb NOT NULL, in_process boolean NOT NULL, created_at timestamptz NOT NULL,
        CONSTRAINT resource_pkey PRIMARY KEY (id));
      CREATE UNIQUE INDEX resource_owner_type_key ON resource (owner, type, key);

      CREATE TABLE permission_ticket (
        digest bytea NOT NULL, owner text NOT NULL, permissions jsonb NOT NULL, client_id text, gathered jsonb,
        created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
        CONSTRAINT permission_ticket_pkey PRIMARY KEY (digest));
      CREATE INDEX permission_ticket_expires_at ON permission_ticket (expires_at);

      CREATE TABLE uma_grant (
        id uuid NOT NULL, owner text NOT NULL, client_id text NOT NULL, kind text NOT NULL, gathered jsonb NOT NULL,
        permissions jsonb NOT NULL, approved jsonb NOT NULL, policy_set text NOT NULL,
        created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, revoked_at timestamptz,
        CONSTRAINT uma_grant_pkey PRIMARY KEY (id),
        CONSTRAINT uma_grant_kind CHECK (kind IN ('operator', 'party')));
      CREATE INDEX uma_grant_expires_at ON uma_grant (expires_at);

      CREATE TABLE rpt (
        jti text NOT NULL, grant_id uuid NOT NULL, permissions jsonb NOT NULL, policy_set text NOT NULL, thumbprint text,
        issued_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, revoked_at timestamptz,
        CONSTRAINT rpt_pkey PRIMARY KEY (jti),
        CONSTRAINT rpt_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES uma_grant (id) ON DELETE CASCADE);
      CREATE INDEX rpt_grant_id ON rpt (grant_id);
      CREATE INDEX rpt_expires_at ON rpt (expires_at);

      CREATE TABLE refresh_token (
        digest bytea NOT NULL, grant_id uuid NOT NULL, thumbprint text, expires_at timestamptz NOT NULL, used_at timestamptz,
        CONSTRAINT refresh_token_pkey PRIMARY KEY (digest),
        CONSTRAINT refresh_token_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES uma_grant (id) ON DELETE CASCADE);
      CREATE INDEX refresh_token_grant_id ON refresh_token (grant_id);
      CREATE INDEX refresh_token_expires_at ON refresh_token (expires_at);

      CREATE TABLE persisted_claims (
        digest bytea NOT NULL, client_id text NOT NULL, gathered jsonb NOT NULL,
        created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
        CONSTRAINT persisted_claims_pkey PRIMARY KEY (digest));
      CREATE INDEX persisted_claims_expires_at ON persisted_claims (expires_at);

      CREATE TABLE approval_request (
        id uuid NOT NULL, party text NOT NULL, client_id text NOT NULL, owner text NOT NULL, resource_id text NOT NULL,
        resource jsonb NOT NULL,
        scopes text[] NOT NULL, digest text NOT NULL, reason text NOT NULL, policies text[] NOT NULL, state text NOT NULL,
        created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
        decided_at timestamptz, decided_by text, decision_reason text,
        CONSTRAINT approval_request_pkey PRIMARY KEY (id),
        CONSTRAINT approval_request_state CHECK (state IN ('pending', 'approved', 'denied', 'used', 'expired')));
      CREATE UNIQUE INDEX approval_request_one_pending ON approval_request (party, resource_id, scopes, digest)
        WHERE state = 'pending';
      CREATE INDEX approval_request_owner ON approval_request (owner, created_at, id);
      CREATE INDEX approval_request_resource_id ON approval_request (resource_id);

      CREATE TABLE owner_policy (
        owner text NOT NULL, document text NOT NULL, etag text NOT NULL, schema text NOT NULL, changed_at timestamptz NOT NULL,
        CONSTRAINT owner_policy_pkey PRIMARY KEY (owner));

      CREATE TABLE revocation (
        sequence bigserial NOT NULL, transaction bigint NOT NULL,
        kind text NOT NULL, id text, at timestamptz NOT NULL,
        CONSTRAINT revocation_pkey PRIMARY KEY (sequence),
        CONSTRAINT revocation_kind CHECK (kind IN ('token', 'resource', 'all')));
      CREATE INDEX revocation_transaction ON revocation (transaction);

      CREATE TABLE dpop_proof (
        digest bytea NOT NULL, expires_at timestamptz NOT NULL,
        CONSTRAINT dpop_proof_pkey PRIMARY KEY (digest));
      CREATE INDEX dpop_proof_expires_at ON dpop_proof (expires_at);`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE dpop_proof, revocation, owner_policy, approval_request, persisted_claims, refresh_token, rpt, uma_grant,
        permission_ticket, resource, signing_key, oauth_record`);
  }
}
