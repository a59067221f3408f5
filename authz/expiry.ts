import type { DataSource } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { Job } from '../src/job.js';

const DAY_MS = 86_400_000;
const BATCH = 10_000;

/**
 * Deletes all that has expired, in batches: anybody can make tickets. Grants take their RPTs and refresh tokens with them;
 * until then an expired RPT may be presented for an upgrade.
 */
export function expiryJob(dataSource: DataSource, clock: Clock): Job {
  return {
    name: 'authz-expiry',
    schedule: '30 * * * * *',
    async run(signal) {
      const now = clock.nowMs();
      const ended: readonly [table: string, column: string, before: number][] = [
        ['permission_ticket', 'expires_at', now],
        ['persisted_claims', 'expires_at', now],
        ['dpop_proof', 'expires_at', now],
        ['oauth_record', 'expires_at', now],
        ['uma_grant', 'expires_at', now],
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
