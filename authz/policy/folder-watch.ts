import { watch } from 'node:fs';
import { reasonOf } from '../../src/errors.js';
import type { Logger } from '../../src/logger.js';
import { signatureOf } from './files.js';

export interface FolderWatchOptions {
  readonly folder: string;
  /** The folder's signature when it was last read. */
  readonly signature: string;
  /** How often it is looked at. */
  readonly pollMs: number;
  /** How long it must lie untouched before it has settled (security.md C3). */
  readonly stableMs: number;
  readonly logger: Logger;
  /** Something changed; it may go on changing. */
  touched(): void;
  /** It changed and has then lain untouched. One call at a time. */
  settled(): Promise<void>;
  /** It cannot be looked at. */
  failed(thrown: unknown): void;
}

/** Editors fire several events a save. */
const NUDGE_MS = 50;

/** Tells when a policy folder has changed and come to rest: by polling, and sooner where the kernel tells of changes. */
export class FolderWatch {
  #settledSignature: string | undefined;
  #seenSignature: string;
  #seenAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #looking = false;
  #stopped = false;
  readonly #watcher: { close(): void } | undefined;

  constructor(private readonly options: FolderWatchOptions) {
    this.#settledSignature = options.signature;
    this.#seenSignature = options.signature;
    this.#watcher = this.#watch();
    this.#lookIn(options.pollMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  /** Only a nudge: polling alone is enough where the kernel cannot watch. */
  #watch(): { close(): void } | undefined {
    const pollOnly = (reason: string) => this.options.logger.debug({ reason }, 'policy folder is polled only');
    try {
      const watcher = watch(this.options.folder, { persistent: false }, () => this.#lookIn(NUDGE_MS));
      watcher.on('error', (error) => pollOnly(error.message));
      return watcher;
    } catch (thrown) {
      pollOnly(reasonOf(thrown));
      return undefined;
    }
  }

  /** Looks then or sooner; never postpones a look that is due. */
  #lookIn(milliseconds: number): void {
    const dueAt = performance.now() + milliseconds;
    if (this.#stopped || this.#looking || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#look(), milliseconds);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#looking = true;
    let next = this.options.pollMs;
    try {
      next = await this.#compare();
    } catch (thrown) {
      // It may be back as it was: then it is to be read again although nothing changed.
      this.#settledSignature = undefined;
      if (!this.#stopped) this.options.failed(thrown);
    }
    this.#looking = false;
    this.#lookIn(next);
  }

  /** Milliseconds until the next look. */
  async #compare(): Promise<number> {
    const { folder, pollMs, stableMs } = this.options;
    const signature = await signatureOf(folder);
    if (signature !== this.#seenSignature) {
      this.#seenSignature = signature;
      this.#seenAt = performance.now();
      this.options.touched();
    }
    if (signature === this.#settledSignature) return pollMs;
    const restMs = this.#seenAt + stableMs - performance.now();
    if (restMs > 0) return Math.min(pollMs, Math.ceil(restMs));
    this.#settledSignature = signature;
    await this.options.settled();
    return pollMs;
  }
}
