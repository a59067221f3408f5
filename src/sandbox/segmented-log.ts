import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { JsonLog, readLines } from './files.js';

/**
 * An append-only log in numbered files, so that a sandbox left running for days starts fast and stays small in memory:
 * each file begins with a summary of everything before it, and only the newest files are read at start.
 */
export class SegmentedLog<Summary, Entry> {
  private log: JsonLog;
  private segment: number;
  private lines: number;

  private constructor(
    private readonly folder: string,
    private readonly limits: { readonly lines: number; readonly read: number; readonly keep: number },
    segment: number,
    lines: number,
  ) {
    this.segment = segment;
    this.lines = lines;
    this.log = new JsonLog(this.path(segment));
  }

  /** `lines` per file, newest files to `read` at start, newest files to `keep` on disk (Infinity: all). */
  static open<Summary, Entry>(
    folder: string,
    limits: { readonly lines: number; readonly read: number; readonly keep: number },
  ): { log: SegmentedLog<Summary, Entry>; summary: Summary | undefined; entries: Entry[] } {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const segments = existing(folder);
    const newest = segments.at(-1) ?? 1;
    let summary: Summary | undefined;
    let newestLines = 0;
    const entries: Entry[] = [];
    for (const segment of segments.slice(-limits.read)) {
      const lines = readLines<{ summary: Summary } | Entry>(join(folder, fileName(segment)));
      newestLines = lines.length;
      for (const line of lines) {
        if (!isSummary<Summary>(line)) entries.push(line);
        else summary ??= line.summary;
      }
    }
    return { log: new SegmentedLog<Summary, Entry>(folder, limits, newest, newestLines), summary, entries };
  }

  /** Appends; when the file is full, begins the next with `summary()`, which must already include the entry. */
  append(entry: Entry, summary: () => Summary): void {
    this.log.append([entry], false);
    if (++this.lines < this.limits.lines) return;
    this.log.close();
    this.segment++;
    this.log = new JsonLog(this.path(this.segment));
    this.log.append([{ summary: summary() }], true);
    this.lines = 1;
    for (const old of existing(this.folder).filter((segment) => segment <= this.segment - this.limits.keep)) {
      rmSync(this.path(old), { force: true });
    }
  }

  close(): void {
    this.log.close();
  }

  private path(segment: number): string {
    return join(this.folder, fileName(segment));
  }
}

function fileName(segment: number): string {
  return `${String(segment).padStart(6, '0')}.jsonl`;
}

function existing(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d{6}\.jsonl$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

function isSummary<Summary>(line: unknown): line is { summary: Summary } {
  return typeof line === 'object' && line !== null && 'summary' in line;
}
