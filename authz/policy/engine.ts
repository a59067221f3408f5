import { watch } from 'node:fs';
import { Counter, register } from 'prom-client';
import { reasonOf } from '../../src/errors.js';
import type { Logger } from '../../src/logger.js';
import { Decider } from './decide.js';
import { PolicyFault } from './fault.js';
import { type PolicyFiles, readPolicyFiles, signatureOf } from './files.js';
import { loadPolicySet, parsePolicySet } from './load.js';
import { Preparsed } from './preparsed.js';
import type { AssessRequest, PolicyEngine } from './types.js';
import { validateApart } from './validate-apart.js';

export interface PolicyEngineOptions {
  /** Absolute path of the folder with *.cedar and schema.cedarschema. */
  readonly folder: string;
  /** Files that group or world may write: the sandbox warns, elsewhere they are refused (security.md C3). */
  readonly writableFiles: 'warn' | 'refuse';
  readonly logger: Logger;
  /** How often the folder is looked at, and how long it must lie untouched before it is read. */
  readonly pollMs?: number;
  readonly stableMs?: number;
}

const POLL_MS = 250;
/** security.md C3: a file still being written is not a policy. */
const STABLE_MS = 1_000;
/** Editors fire several events a save. */
const NUDGE_MS = 50;

const reloads =
  (register.getSingleMetric('ovsb_policy_reloads_total') as Counter | undefined) ??
  new Counter({
    name: 'ovsb_policy_reloads_total',
    help: 'Policy folders read after a change, by what came of it.',
    labelNames: ['result'],
  });

/**
 * Reads the folder and keeps the set in force equal to it. Rejects with `PolicyFault`, whose message has one
 * `file:line:column: mistake — fix` line per fault, when the files at start are bad: the start must refuse.
 */
export async function createPolicyEngine(options: PolicyEngineOptions): Promise<PolicyEngine> {
  const signature = await signatureOf(options.folder);
  const files = await readPolicyFiles(options.folder);
  mindWritable(files, options);
  const preparsed = new Preparsed();
  const decider = new Decider(loadPolicySet(files), preparsed);
  return new WatchingEngine(options, decider, preparsed, signature);
}

class WatchingEngine implements PolicyEngine {
  #decider: Decider;
  readonly #preparsed: Preparsed;
  #fault: string | undefined;
  /** Of the files last read, whatever came of them. */
  #readSignature: string;
  #seenSignature: string;
  #seenAt = performance.now();
  readonly #listeners = new Set<() => void>();
  readonly #options: PolicyEngineOptions;
  #timer: NodeJS.Timeout | undefined;
  readonly #watcher: { close(): void } | undefined;
  #looking = false;
  #stopped = false;

  constructor(options: PolicyEngineOptions, decider: Decider, preparsed: Preparsed, signature: string) {
    this.#options = options;
    this.#decider = decider;
    this.#preparsed = preparsed;
    this.#readSignature = signature;
    this.#seenSignature = signature;
    this.#watcher = this.#watch();
    this.#lookIn(options.pollMs ?? POLL_MS);
  }

  hash(): string {
    return this.#decider.set.hash;
  }

  fault(): string | undefined {
    return this.#fault;
  }

  assess(request: AssessRequest) {
    return this.#decider.assess(request);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#listeners.clear();
  }

  /** Only a nudge: polling alone is enough where the kernel cannot watch. */
  #watch(): { close(): void } | undefined {
    try {
      const watcher = watch(this.#options.folder, { persistent: false }, () => this.#lookIn(NUDGE_MS));
      watcher.on('error', (error) =>
        this.#options.logger.debug({ reason: error.message }, 'policy folder is polled only'),
      );
      return watcher;
    } catch (thrown) {
      this.#options.logger.debug({ reason: reasonOf(thrown) }, 'policy folder is polled only');
      return undefined;
    }
  }

  #lookIn(milliseconds: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => void this.#look().finally(() => this.#lookIn(this.#options.pollMs ?? POLL_MS)),
      milliseconds,
    );
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const signature = await signatureOf(this.#options.folder);
      if (signature !== this.#seenSignature) {
        this.#seenSignature = signature;
        this.#seenAt = performance.now();
      }
      const quietMs = performance.now() - this.#seenAt;
      if (signature === this.#readSignature || quietMs < (this.#options.stableMs ?? STABLE_MS)) return;
      const files = await readPolicyFiles(this.#options.folder);
      this.#readSignature = signature;
      await this.#take(files);
    } catch (thrown) {
      this.#refuse(thrown);
    } finally {
      this.#looking = false;
    }
  }

  async #take(files: PolicyFiles): Promise<void> {
    if (files.hash === this.#decider.set.hash) {
      this.#fault = undefined;
      return;
    }
    mindWritable(files, this.#options);
    await validateApart(files);
    if (this.#stopped) return;
    this.#decider = new Decider(parsePolicySet(files), this.#preparsed);
    this.#fault = undefined;
    reloads.inc({ result: 'accepted' });
    this.#options.logger.info(
      { policySet: files.hash, policies: this.#decider.set.policies.length },
      'policies changed',
    );
    for (const listener of this.#listeners) listener();
  }

  #refuse(thrown: unknown): void {
    const fault = reasonOf(thrown);
    // What could not even be read may be readable again without having changed.
    if (!(thrown instanceof PolicyFault)) this.#readSignature = '';
    if (this.#stopped || fault === this.#fault) return;
    this.#fault = fault;
    reloads.inc({ result: 'refused' });
    this.#options.logger.error(
      { fault, policySet: this.hash() },
      'policy files refused; the last good set stays in force',
    );
  }
}

function mindWritable(files: PolicyFiles, options: PolicyEngineOptions): void {
  if (files.writable.length === 0) return;
  if (options.writableFiles === 'warn') {
    options.logger.warn({ files: files.writable }, 'policy files are writable by group or world');
    return;
  }
  throw new PolicyFault(
    files.writable.map((file) => ({
      file,
      line: 1,
      column: 1,
      message: 'is writable by group or world',
      fix: `chmod go-w ${file}`,
    })),
  );
}
