/**
 * Periodic work that a feature hands to `app`, which registers it with the scheduler.
 * `run` is idempotent and fenced by the database: a paused old leader may run beside a new one.
 */
export interface Job {
  readonly name: string;
  /** node-cron expression, with seconds. */
  readonly schedule: string;
  /** `signal` aborts at shutdown or loss of leadership; `run` then returns soon. */
  run(signal: AbortSignal): Promise<void>;
}
