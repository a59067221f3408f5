import { Worker } from 'node:worker_threads';
import { DomainError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { Faults } from './faults.js';
import type { FromWorker, ToWorker, WorkerSettings } from './worker.js';

/** A thread that does not come up in this time never will. */
const READY_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 2_000;
const REVIVE_AFTER_MS = 1_000;

export interface Started {
  /** Milliseconds since 1970: when the running instance began. */
  readonly startedAt: number;
  readonly instanceId: string;
}

export interface ClientStatus {
  readonly publicKeys: readonly string[];
  readonly faults: Faults;
}

/** The handle of one validator client: starts, restarts and asks it. A thread that dies is started again. */
export class ValidatorClientHandle {
  private worker: Worker | undefined;
  private startedNow: Started | undefined;
  private restarting: Promise<Started> | undefined;
  private waiting: Promise<Started> | undefined;
  private stopped = false;
  private calls = 0;
  private readonly answers = new Map<number, (status: ClientStatus) => void>();

  constructor(
    readonly settings: WorkerSettings,
    private readonly logger: Logger,
  ) {}

  async start(): Promise<Started> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.settings,
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 },
    });
    this.worker = worker;
    const started = await new Promise<Started>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new DomainError('NotStarted', 'validator client is late')),
        READY_TIMEOUT_MS,
      );
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') {
          clearTimeout(late);
          resolve({ startedAt: message.startedAt, instanceId: message.instanceId });
        } else this.heard(message);
      });
      worker.on('error', (error) => {
        this.logger.error({ validatorClient: this.settings.name, err: error }, 'sandbox validator client failed');
        reject(error);
      });
      worker.on('exit', () => {
        clearTimeout(late);
        reject(new DomainError('NotStarted', 'validator client ended while starting'));
        if (this.worker === worker) this.revive();
      });
    });
    this.startedNow = started;
    return started;
  }

  started(): Started | undefined {
    return this.startedNow;
  }

  /**
   * Ends the thread at once, as kill -9 would, and starts a new one; resolves when that one listens. Calls that come
   * while one restart runs share the next, so that every caller gets an instance begun after its call.
   */
  restart(): Promise<Started> {
    if (!this.restarting) {
      this.restarting = this.replace().finally(() => {
        this.restarting = undefined;
      });
      return this.restarting;
    }
    this.waiting ??= this.restarting
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        this.waiting = undefined;
        return this.restart();
      });
    return this.waiting;
  }

  status(): Promise<ClientStatus> {
    return this.ask((id) => ({ kind: 'status', id }));
  }

  /** Replaces the whole set of faults. */
  setFaults(faults: Partial<Faults>): Promise<ClientStatus> {
    return this.ask((id) => ({ kind: 'faults', faults, id }));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  private async replace(): Promise<Started> {
    const old = this.worker;
    this.worker = undefined;
    await old?.terminate();
    return this.start();
  }

  private revive(): void {
    this.worker = undefined;
    if (this.stopped) return;
    setTimeout(() => {
      if (this.stopped || this.worker || this.restarting) return;
      this.start().catch(() => this.revive());
    }, REVIVE_AFTER_MS).unref();
  }

  private heard(message: FromWorker): void {
    if (message.kind === 'failure') {
      this.logger.debug({ validatorClient: this.settings.name, reason: message.message }, 'sandbox duty failed');
      return;
    }
    if (message.kind !== 'status') return;
    this.answers.get(message.id)?.({ publicKeys: message.publicKeys, faults: message.faults });
    this.answers.delete(message.id);
  }

  private async ask(question: (id: number) => ToWorker): Promise<ClientStatus> {
    if (this.restarting) await this.restarting;
    const { worker } = this;
    if (!worker) throw new DomainError('NotRunning', `${this.settings.name} is not running`);
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.answers.delete(id);
        reject(new DomainError('NotRunning', `${this.settings.name} does not answer`));
      }, STATUS_TIMEOUT_MS);
      this.answers.set(id, (status) => {
        clearTimeout(late);
        resolve(status);
      });
      worker.postMessage(question(id));
    });
  }
}
