import { expect } from 'chai';
import { DEFAULT_LIFETIMES } from '../../authz/deps.js';
import { expiryJob } from '../../authz/expiry.js';
import { systemClock } from '../../src/clock.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('expiry of authorization rows', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(() => database.drop());

  const run = () => expiryJob(database.dataSource, systemClock, DEFAULT_LIFETIMES).run(new AbortController().signal);
  const count = async (table: string) =>
    Number((await database.dataSource.query(`SELECT count(*) FROM ${table}`))[0].count);
  const at = (offsetMs: number) => new Date(Date.now() + offsetMs);

  it('one run takes every expired ticket, however many challenges there were, and no live one', async () => {
    const insert = (rows: number, expires: string) =>
      database.dataSource.query(
        `INSERT INTO permission_ticket (digest, owner, permissions, created_at, expires_at)
         SELECT sha256(($2 || n)::bytea), 'operator', '[]', now(), now() + $2::interval FROM generate_series(1, $1) n`,
        [rows, expires],
      );
    await insert(25_000, '-1 minute');
    await insert(10, '1 minute');
    await run();
    expect(await count('permission_ticket')).to.equal(10);
  });

  /** A row of each table that ends by itself: its values, and how long after its end it may still be of use. */
  const rows: Record<string, { readonly insert: string; readonly usefulMs: number }> = {
    permission_ticket: {
      insert: `INSERT INTO permission_ticket (digest, owner, permissions, created_at, expires_at)
               VALUES (sha256($1::text::bytea), 'o', '[]', now(), $1::timestamptz)`,
      usefulMs: 0,
    },
    persisted_claims: {
      insert: `INSERT INTO persisted_claims (digest, client_id, gathered, created_at, expires_at)
               VALUES (sha256($1::text::bytea), 'c', '{}', now(), $1::timestamptz)`,
      usefulMs: 0,
    },
    dpop_proof: {
      insert: 'INSERT INTO dpop_proof (digest, expires_at) VALUES (sha256($1::text::bytea), $1::timestamptz)',
      usefulMs: 0,
    },
    oauth_record: {
      insert: `INSERT INTO oauth_record (model, digest, payload, expires_at)
               VALUES ('ClientCredentials', sha256($1::text::bytea), '{}', $1::timestamptz)`,
      usefulMs: 0,
    },
    uma_grant: {
      insert: `INSERT INTO uma_grant (id, owner, client_id, kind, gathered, permissions, approved, policy_set, created_at, expires_at)
               VALUES (gen_random_uuid(), 'o', 'c', 'party', '{"proofs":[]}', '[]', '[]', '', now(), $1::timestamptz)`,
      usefulMs: 0,
    },
    rpt: {
      insert: `WITH g AS (INSERT INTO uma_grant (id, owner, client_id, kind, gathered, permissions, approved, policy_set, created_at, expires_at)
                 VALUES (gen_random_uuid(), 'o', 'c', 'party', '{"proofs":[]}', '[]', '[]', '', now(), now() + interval '1 year') RETURNING id)
               INSERT INTO rpt (jti, grant_id, permissions, policy_set, issued_at, expires_at)
               SELECT $1::text, id, '[]', '', now(), $1::timestamptz FROM g`,
      usefulMs: 8 * HOUR_MS,
    },
    refresh_token: {
      insert: `WITH g AS (INSERT INTO uma_grant (id, owner, client_id, kind, gathered, permissions, approved, policy_set, created_at, expires_at)
                 VALUES (gen_random_uuid(), 'o', 'c', 'party', '{"proofs":[]}', '[]', '[]', '', now(), now() + interval '1 year') RETURNING id)
               INSERT INTO refresh_token (digest, grant_id, expires_at) SELECT sha256($1::text::bytea), id, $1::timestamptz FROM g`,
      usefulMs: 0,
    },
    signing_key: {
      insert: `INSERT INTO signing_key (kid, public_key, sealed_private_key, created_at, retired_at)
               VALUES ($1::text, '{}', '', now(), $1::timestamptz)`,
      usefulMs: 8.5 * HOUR_MS,
    },
    approval_request: {
      insert: `INSERT INTO approval_request (id, party, client_id, owner, resource_id, resource, scopes, digest, reason, policies, state, created_at, expires_at)
               VALUES (gen_random_uuid(), 'p', 'c', 'o', 'r', '{}', '{}', $1::text, '', '{}', 'pending', now(), $1::timestamptz)`,
      usefulMs: 30 * DAY_MS,
    },
    revocation: {
      insert: `INSERT INTO revocation (transaction, kind, id, at) VALUES (1, 'token', $1::text, $1::timestamptz)`,
      usefulMs: DAY_MS,
    },
  };
  for (const [table, { insert, usefulMs }] of Object.entries(rows)) {
    it(`${table}: what has ended goes, what may still be of use stays`, async () => {
      for (const offsetMs of [60_000, 30 * 60_000]) {
        await database.dataSource.query(insert, [at(-usefulMs - offsetMs)]);
        await database.dataSource.query(insert, [at(-usefulMs + offsetMs)]);
      }
      expect(await count(table)).to.equal(4);
      await run();
      expect(await count(table)).to.equal(2);
    });
  }

  it('what has no end of its own is bounded otherwise: a client stays', async () => {
    await database.dataSource.query(
      `INSERT INTO oauth_record (model, digest, payload, expires_at) VALUES ('Client', sha256('c'), '{}', NULL)`,
    );
    await run();
    expect(await count('oauth_record')).to.equal(1);
  });
});
