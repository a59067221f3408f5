import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../clock.js';
import { reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';

/** Files must look the same for so long before they are read: editors and copies write in steps (security.md C3). */
const STABLE_MS = 1000;

export interface DocumentText {
  readonly path: string;
  readonly text: string;
}

/**
 * An operator's document of one or several files, hot reloaded: a good new version takes the place of the old one whole, a
 * bad one is refused and the last good one stays in force.
 */
export class WatchedDocument<T> {
  private value: T;
  private loaded: string;
  private readonly hashes = new Map<string, string>();
  private seen: { readonly signature: string; readonly sinceMs: number } | undefined;
  private refusal: string | undefined;

  /** @throws whatever `load` throws: at start there is no last good version. */
  constructor(
    private readonly options: {
      readonly name: string;
      readonly paths: readonly string[];
      readonly load: (texts: readonly DocumentText[], previous: T | undefined) => T;
      /** Files others may write are refused (outside the sandbox) or warned of. */
      readonly writableByOthers: 'refuse' | 'warn';
      readonly clock: Clock;
      readonly logger: Logger;
    },
  ) {
    this.loaded = this.signature();
    this.value = this.read(undefined);
  }

  current(): T {
    return this.value;
  }

  /** SHA-256 (hex) of the file's version in force. */
  hash(path: string): string {
    return this.hashes.get(path) ?? '';
  }

  /** Why the newest files are not in force. */
  fault(): string | undefined {
    return this.refusal;
  }

  /** Looks at the files once; call it each second. */
  check(): void {
    const nowMs = this.options.clock.nowMs();
    let signature: string;
    try {
      signature = this.signature();
    } catch (thrown) {
      this.refuse('missing', reasonOf(thrown));
      return;
    }
    if (signature === this.loaded) {
      this.seen = undefined;
      return;
    }
    if (this.seen?.signature !== signature) {
      this.seen = { signature, sinceMs: nowMs };
      return;
    }
    if (nowMs - this.seen.sinceMs < STABLE_MS) return;
    try {
      this.value = this.read(this.value);
      this.loaded = signature;
      this.refusal = undefined;
      this.options.logger.info({ document: this.options.name, files: this.options.paths }, 'document reloaded');
    } catch (thrown) {
      this.refuse(signature, reasonOf(thrown));
    }
  }

  private refuse(signature: string, reason: string): void {
    if (signature !== 'missing') this.loaded = signature;
    if (reason === this.refusal) return;
    this.refusal = reason;
    this.options.logger.error(
      { document: this.options.name, reason },
      'document refused; the last good one stays in force',
    );
  }

  private read(previous: T | undefined): T {
    const texts = this.options.paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
    const value = this.options.load(texts, previous);
    for (const { path, text } of texts) this.hashes.set(path, createHash('sha256').update(text).digest('hex'));
    return value;
  }

  private signature(): string {
    return this.options.paths
      .map((path) => {
        const { mtimeMs, size, ino, mode } = statSync(path);
        this.checkMode(path, mode);
        return `${path} ${mtimeMs} ${size} ${ino} ${mode}`;
      })
      .join('\n');
  }

  private warned = new Set<string>();

  private checkMode(path: string, mode: number): void {
    if ((mode & 0o022) === 0) return;
    if (this.options.writableByOthers === 'refuse') throw new Error(`${path} is writable by group or others`);
    if (this.warned.has(path)) return;
    this.warned.add(path);
    this.options.logger.warn({ document: this.options.name, path }, 'document is writable by group or others');
  }
}
