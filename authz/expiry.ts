import type { DataSource } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { Job } from '../src/job.js';
import type { Lifetimes } from './deps.js';

const DAY_MS = 86_400_000;
const BATCH = 10_000;

/**
 * Deletes all that has expired, in batches: anybody can make tickets. An expired RPT may be presented for an upgrade for as long
 * as a refresh token lives; then it goes, though its grant may be refreshed for years. A key that is retired goes when no RPT it
 * signed can be shown any more.
 */
export function expiryJob(dataSource: DataSource, clock: Clock, lifetimes: Lifetimes): Job {
  return {
    name: 'authz-expiry',
    schedule: '30 * * * * *',
    async run(signal) {
      const now = clock.nowMs();
      const upgradableMs = lifetimes.refreshToken * 1000;
      const ended: readonly [table: string, column: string, before: number][] = [
        ['permission_ticket', 'expires_at', now],
        ['persisted_claims', 'expires_at', now],
        ['dpop_proof', 'expires_at', now],
        ['oauth_record', 'expires_at', now],
        ['uma_grant', 'expires_at', now],
        ['rpt', 'expires_at', now - upgradableMs],
        ['refresh_token', 'expires_at', now],
        ['signing_key', 'retired_at', now - upgradableMs - 2 * lifetimes.rpt * 1000],
        ['approval_request', 'expires_at', now - 30 * DAY_MS],
        ['revocation', 'at', now - DAY_MS],
      ];
      for (const [table, column, before] of ended) {
        let deleted = BATCH;
        while (deleted === BATCH && !signal.aborted) {
          [, deleted] = await dataSource.query<[unknown[], number]>(
            `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${column} < $1 LIMIT ${BATCH}))`,
            [new Date(before)],
          );
        }
      }
    },
  };
}
