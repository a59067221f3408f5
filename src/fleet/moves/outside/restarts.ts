import type { Answer } from '../ports.js';

export type RestartAnswer =
  | Answer<{ readonly startedAtMs: number }>
  | { readonly outcome: 'unsupported'; readonly reason: string };

interface Running {
  /** Undefined until the hook is called: who asks before that shares it. */
  begunMs?: number;
  readonly done: Promise<void>;
}

/** How long one asker waits; a restart that takes longer goes on, and the next question finds it. */
const PATIENCE_MS = 8_000;

/**
 * One restart of a validator client serves every key that was confirmed absent before it began. Kept in memory only: after
 * a crash the next asker restarts it again.
 */
export class Restarts {
  readonly #last = new Map<string, { readonly begunMs: number; readonly answer: RestartAnswer }>();
  readonly #running = new Map<string, Running>();

  constructor(
    private readonly hook: (client: string) => Promise<RestartAnswer>,
    private readonly gatherMs: number,
    private readonly nowMs: () => number,
  ) {}

  /** A restart that began after `sinceMs` (wall clock), an earlier one's if it did, else a new one. */
  async after(client: string, sinceMs: number): Promise<RestartAnswer> {
    const giveUpMs = this.nowMs() + PATIENCE_MS;
    while (this.nowMs() < giveUpMs) {
      const last = this.#last.get(client);
      if (last && last.begunMs > sinceMs && last.answer.outcome === 'answered') return last.answer;
      const running = this.#running.get(client) ?? this.#begin(client);
      const serves = running.begunMs === undefined || running.begunMs > sinceMs;
      await Promise.race([running.done, pause(giveUpMs - this.nowMs())]);
      if (serves && !this.#running.has(client)) {
        const answer = this.#last.get(client)?.answer;
        if (answer) return answer;
      }
    }
    return { outcome: 'unanswered', reason: 'it is restarting' };
  }

  #begin(client: string): Running {
    const running: Running = { done: Promise.resolve().then(() => this.#run(client, running)) };
    this.#running.set(client, running);
    return running;
  }

  async #run(client: string, running: Running): Promise<void> {
    try {
      await pause(this.gatherMs);
      running.begunMs = this.nowMs();
      this.#last.set(client, { begunMs: running.begunMs, answer: await this.hook(client) });
    } finally {
      this.#running.delete(client);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms)).unref();
  });
}
