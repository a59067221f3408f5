import { schedule } from 'node-cron';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { DatabaseConnection } from '../database/connection.js';
import { reasonOf } from '../errors.js';
import type { Job } from '../job.js';
import type { Logger } from '../logger.js';
import { standForLeader } from './leader.js';

export interface SchedulerOptions {
  readonly connection: DatabaseConnection;
  readonly jobs: readonly Job[];
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface Scheduler {
  /** Aborts what runs and waits for it, at most 5 s. */
  close(): Promise<void>;
}

const PATIENCE_MS = 5_000;

/**
 * Runs every job at its times on the one replica that leads, each job one run at a time. A job that throws is logged and
 * counted; the next run comes at its time.
 */
export async function startScheduler({ connection, jobs, logger, registry }: SchedulerOptions): Promise<Scheduler> {
  const measures = jobMeasures(registry);
  const leader = await standForLeader(connection, 'ovsb:scheduler', logger);
  const running = new Map<string, Promise<void>>();

  const run = async (job: Job, term: AbortSignal): Promise<void> => {
    const startedMs = performance.now();
    let result = 'done';
    try {
      await job.run(term);
    } catch (failure) {
      result = term.aborted ? 'aborted' : 'failed';
      if (!term.aborted) logger.error({ job: job.name, err: failure, reason: reasonOf(failure) }, 'job failed');
    }
    measures.runs.inc({ job: job.name, result });
    measures.seconds.observe({ job: job.name }, (performance.now() - startedMs) / 1_000);
  };
  const tick = (job: Job): void => {
    const term = leader.term();
    if (!term || running.has(job.name)) return;
    running.set(
      job.name,
      run(job, term).finally(() => running.delete(job.name)),
    );
  };
  const tasks = jobs.map((job) => schedule(job.schedule, () => tick(job), { name: job.name }));

  return {
    async close() {
      await Promise.all(tasks.map((task) => task.destroy()));
      await leader.close();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS);
      });
      await Promise.race([Promise.all(running.values()), late]);
      clearTimeout(timer);
      if (running.size > 0) logger.warn({ jobs: [...running.keys()] }, 'jobs did not heed their signal');
    },
  };
}

function jobMeasures(registry: Registry) {
  const runs = new Counter({
    name: 'ovsb_job_runs_total',
    help: 'Runs of periodic jobs by result: done, failed, aborted',
    labelNames: ['job', 'result'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'ovsb_job_duration_seconds',
    help: 'How long periodic jobs run',
    labelNames: ['job'],
    buckets: [0.01, 0.1, 1, 10, 60],
    registers: [registry],
  });
  return { runs, seconds };
}
