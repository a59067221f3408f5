import { Counter, register } from 'prom-client';
import { reasonOf } from '../../src/errors.js';
import type { Logger } from '../../src/logger.js';
import { Decider } from './decide.js';
import { PolicyFault } from './fault.js';
import { type PolicyFiles, readPolicyFiles, signatureOf } from './files.js';
import { FolderWatch } from './folder-watch.js';
import { loadPolicySet, parsePolicySet } from './load.js';
import { OwnerDeciders, ownerHash } from './owner/owner-deciders.js';
import type { OwnerPolicies } from './owner/owner-policies.js';
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
  /** What second resource owners wrote themselves; absent: their files alone. */
  readonly owners?: OwnerPolicies;
}

const POLL_MS = 250;
/** security.md C3: a file still being written is not a policy. */
const STABLE_MS = 1_000;

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
  const { signature, files } = await firstRead(options.folder);
  mindWritable(files, options);
  const preparsed = new Preparsed();
  const decider = new Decider(loadPolicySet(files), preparsed);
  await options.owners?.useSchema(decider.set.schema.text);
  return new WatchingEngine(options, decider, preparsed, signature);
}

/** What became of a set of files: a thread of its own has found them good, or this is what is wrong. */
type Examined = { readonly files: PolicyFiles } | { readonly thrown: unknown };

class WatchingEngine implements PolicyEngine {
  #decider: Decider;
  readonly #preparsed: Preparsed;
  readonly #options: PolicyEngineOptions;
  readonly #watch: FolderWatch;
  readonly #listeners = new Set<() => void>();
  readonly #ownerDeciders: OwnerDeciders;
  readonly #unsubscribe: (() => void) | undefined;
  #fault: string | undefined;
  /** Begun at the first sight of a change, so that the second of rest is not idle. */
  #ahead: Promise<Examined> | undefined;
  #stopped = false;

  constructor(options: PolicyEngineOptions, decider: Decider, preparsed: Preparsed, signature: string) {
    this.#options = options;
    this.#decider = decider;
    this.#preparsed = preparsed;
    this.#ownerDeciders = new OwnerDeciders(preparsed);
    this.#unsubscribe = options.owners?.onChange(() => this.#tell());
    this.#watch = new FolderWatch({
      folder: options.folder,
      signature,
      pollMs: options.pollMs ?? POLL_MS,
      stableMs: options.stableMs ?? STABLE_MS,
      logger: options.logger,
      touched: () => {
        this.#ahead ??= this.#examine();
      },
      settled: () => this.#take(),
      failed: (thrown) => this.#refuse(thrown),
    });
  }

  hash(owner?: string): string {
    const document = owner === undefined ? undefined : this.#options.owners?.of(owner);
    return document === undefined ? this.#decider.set.hash : ownerHash(this.#decider.set.hash, document);
  }

  ownHashes(): ReadonlyMap<string, string> {
    const documents = [...(this.#options.owners?.all() ?? [])];
    return new Map(documents.map((document) => [document.owner, ownerHash(this.#decider.set.hash, document)]));
  }

  fault(): string | undefined {
    return this.#fault;
  }

  ownerFaults(): readonly string[] {
    return this.#options.owners?.faults() ?? [];
  }

  assess(request: AssessRequest) {
    const document = request.owner === undefined ? undefined : this.#options.owners?.of(request.owner);
    if (document === undefined) return this.#decider.assess(request);
    return this.#ownerDeciders.assess(request, this.#decider.set, document);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch.stop();
    this.#unsubscribe?.();
    this.#listeners.clear();
  }

  async #examine(): Promise<Examined> {
    try {
      const files = await readPolicyFiles(this.#options.folder);
      mindWritable(files, this.#options);
      if (files.hash !== this.#decider.set.hash) await validateApart(files);
      return { files };
    } catch (thrown) {
      return { thrown };
    }
  }

  /** The files at rest: what was examined ahead serves only if it was exactly these. */
  async #take(): Promise<void> {
    const ahead = await this.#ahead;
    this.#ahead = undefined;
    const files = await readPolicyFiles(this.#options.folder);
    const same = ahead !== undefined && 'files' in ahead && ahead.files.hash === files.hash;
    const examined = same ? ahead : await this.#examine();
    if ('thrown' in examined) return this.#refuse(examined.thrown);
    // Before the schema is in force, it is known which owners' documents fit it.
    const schema = examined.files.schema?.text;
    if (schema !== undefined && schema !== this.#decider.set.schema.text) await this.#options.owners?.useSchema(schema);
    this.#use(examined.files);
  }

  #use(files: PolicyFiles): void {
    if (this.#stopped) return;
    if (files.hash !== this.#decider.set.hash) {
      this.#decider = new Decider(parsePolicySet(files), this.#preparsed);
      reloads.inc({ result: 'accepted' });
      const policies = this.#decider.set.policies.length;
      this.#options.logger.info({ policySet: files.hash, policies }, 'policies changed');
      this.#tell();
    }
    if (this.#fault !== undefined) this.#options.logger.info({ policySet: this.hash() }, 'policy files are good again');
    this.#fault = undefined;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #refuse(thrown: unknown): void {
    const fault = reasonOf(thrown);
    if (this.#stopped || fault === this.#fault) return;
    this.#fault = fault;
    reloads.inc({ result: 'refused' });
    const facts = { fault, policySet: this.hash() };
    this.#options.logger.error(facts, 'policy files refused; the last good set stays in force');
  }
}

async function firstRead(folder: string): Promise<{ readonly signature: string; readonly files: PolicyFiles }> {
  try {
    return { signature: await signatureOf(folder), files: await readPolicyFiles(folder) };
  } catch (thrown) {
    if (thrown instanceof PolicyFault) throw thrown;
    const fix = 'OVSB_POLICIES names the folder of *.cedar and schema.cedarschema';
    throw new PolicyFault([{ file: folder, line: 1, column: 1, message: `cannot be read: ${reasonOf(thrown)}`, fix }]);
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
