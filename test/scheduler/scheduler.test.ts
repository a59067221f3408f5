import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import type { Job } from '../../src/job.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';
import { until } from '../support/until.js';

const EVERY_SECOND = '* * * * * *';
const WITHIN_MS = 25_000;

describe('the scheduler', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  before(async () => {
    database = await testDatabase();
  });
  after(() => database.drop());

  const start = (jobs: Job[], registry = new Registry()) =>
    startScheduler({ connection: database.connection, jobs, logger: quietLogger, registry });

  it('runs a job on one of two replicas, and on the other once the first has gone', async () => {
    const runs: string[] = [];
    const job = (replica: string): Job => ({
      name: 'look',
      schedule: EVERY_SECOND,
      run: async () => void runs.push(replica),
    });
    const first = await start([job('first')]);
    const second = await start([job('second')]);
    await until('runs', WITHIN_MS, async () => runs.length >= 2 || undefined);
    expect(new Set(runs)).to.deep.equal(new Set(['first']));
    await first.close();
    await until('the second runs it', WITHIN_MS, async () => runs.at(-1) === 'second' || undefined);
    await second.close();
  });

  it('runs a job one at a time, counts one that throws, and goes on', async () => {
    const registry = new Registry();
    let inside = 0;
    let most = 0;
    let failures = 0;
    let slowRuns = 0;
    const slow: Job = {
      name: 'slow',
      schedule: EVERY_SECOND,
      async run() {
        slowRuns++;
        most = Math.max(most, ++inside);
        await sleep(1_500);
        inside--;
      },
    };
    const failing: Job = {
      name: 'failing',
      schedule: EVERY_SECOND,
      async run() {
        failures++;
        throw new Error('no');
      },
    };
    const scheduler = await start([slow, failing], registry);
    await until('goes on', WITHIN_MS, async () => (failures >= 4 && slowRuns >= 2) || undefined);
    await scheduler.close();
    expect(most).to.equal(1);
    expect(await registry.metrics()).to.match(/ovsb_job_runs_total\{job="failing",result="failed"\} [1-9]/);
  });

  it('aborts what runs when the leadership is lost, and at close', async () => {
    const reasons: string[] = [];
    let begun = 0;
    const waiting: Job = {
      name: 'waiting',
      schedule: EVERY_SECOND,
      run: (signal) =>
        new Promise((resolve) => {
          begun++;
          signal.addEventListener('abort', () => {
            reasons.push(String(signal.reason));
            resolve();
          });
        }),
    };
    const scheduler = await start([waiting]);
    await until('it runs', WITHIN_MS, async () => begun === 1 || undefined);
    await database.dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    await until('it runs again', WITHIN_MS, async () => begun === 2 || undefined);
    expect(reasons).to.have.lengthOf(1);
    await scheduler.close();
    expect(reasons).to.have.lengthOf(2);
  });
});
