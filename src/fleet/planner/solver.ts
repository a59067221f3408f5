import { Worker } from 'node:worker_threads';
import { DomainError } from '../../errors.js';

export interface SolverRequest {
  readonly id: number;
  readonly program: string;
  readonly timeLimitSeconds: number;
  /** Absolute distance to the best bound at which an integer search may stop. */
  readonly gap: number;
}

export interface SolverAnswer {
  readonly id: number;
  readonly status: string;
  readonly objective: number;
  readonly values: readonly (readonly [string, number])[];
  readonly duals: readonly (readonly [string, number])[];
  readonly fault?: string;
}

export interface Solution {
  /** `limit`: stopped by time; the values, if any, hold but may not be the best. */
  readonly status: 'optimal' | 'infeasible' | 'limit';
  readonly objective: number;
  /** Variables that are not zero. */
  readonly values: ReadonlyMap<string, number>;
  readonly duals: ReadonlyMap<string, number>;
}

export interface Solver {
  /** @throws DomainError `SolverFailed` when HiGHS refuses the program or its thread dies. */
  solve(program: string, timeLimitSeconds: number, gap?: number): Promise<Solution>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(answer: SolverAnswer): void;
  reject(reason: Error): void;
}

/** HiGHS in one worker thread, started when first needed and not kept alive for its own sake; one program after another. */
export class HighsSolver implements Solver {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;

  async solve(program: string, timeLimitSeconds: number, gap = 1e-6): Promise<Solution> {
    const id = this.nextId++;
    const worker = this.start();
    const answer = await new Promise<SolverAnswer>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, program, timeLimitSeconds, gap } satisfies SolverRequest);
    });
    if (answer.status === 'failed') throw new DomainError('SolverFailed', answer.fault ?? 'the solver failed');
    return {
      status: statusOf(answer),
      objective: answer.objective,
      values: new Map(answer.values),
      duals: new Map(answer.duals),
    };
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(new URL('./solver-worker.js', import.meta.url), { env: {} });
    worker.on('message', (answer: SolverAnswer) => {
      this.waiting.get(answer.id)?.resolve(answer);
      this.waiting.delete(answer.id);
      if (this.waiting.size === 0) worker.unref();
    });
    worker.on('error', (fault) => this.lost(worker, fault.message));
    worker.on('exit', () => this.lost(worker, 'the solver thread ended'));
    this.worker = worker;
    return worker;
  }

  private lost(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const { reject } of this.waiting.values()) reject(new DomainError('SolverFailed', reason));
    this.waiting.clear();
  }
}

function statusOf(answer: SolverAnswer): Solution['status'] {
  if (answer.status === 'Optimal') return 'optimal';
  if (answer.status === 'Infeasible' || answer.status === 'Primal infeasible or unbounded') return 'infeasible';
  if (answer.status === 'Time limit reached') return 'limit';
  throw new DomainError('SolverFailed', `HiGHS answered ${answer.status}`);
}
