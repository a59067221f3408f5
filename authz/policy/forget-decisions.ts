import type { DataSource } from 'typeorm';
import type { Job } from '../../src/job.js';
import type { Logger } from '../../src/logger.js';

const BATCH = 10_000;

/**
 * Deletes decisions older than `keepDays`, by the database's clock, a bounded batch at a time. What is younger stays whoever
 * asks: the table's own trigger sees to that.
 */
export function forgetDecisionsJob(dataSource: DataSource, keepDays: number, logger: Logger): Job {
  return {
    name: 'decision-log-retention',
    schedule: '15 */10 * * * *',
    async run(signal) {
      await dataSource.query(
        `INSERT INTO decision_retention (one, days) VALUES (true, $1)
         ON CONFLICT (one) DO UPDATE SET days = excluded.days WHERE decision_retention.days <> excluded.days`,
        [keepDays],
      );
      let forgotten = 0;
      let deleted = BATCH;
      while (deleted === BATCH && !signal.aborted) {
        [, deleted] = await dataSource.query<[unknown[], number]>(
          `DELETE FROM policy_decision WHERE id = ANY(ARRAY(
             SELECT id FROM policy_decision WHERE decided_at < now() - make_interval(days => $1) ORDER BY decided_at LIMIT ${BATCH}))`,
          [keepDays],
        );
        forgotten += deleted;
      }
      if (forgotten > 0) logger.info({ forgotten, keepDays }, 'recorded decisions reached their age and were deleted');
    },
  };
}
