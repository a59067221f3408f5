import { DomainError, reasonOf } from '../errors.js';

/** What a command prints: one JSON document with --json, else lines for people. */
export function print(asJson: boolean | undefined, document: unknown, lines: readonly string[]): void {
  process.stdout.write(asJson ? `${JSON.stringify(document, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
}

/** A failure on stderr, and as a document on stdout with --json. */
export function printFailure(asJson: boolean, failure: unknown): void {
  const code = failure instanceof DomainError ? failure.code : 'Failed';
  if (asJson) process.stdout.write(`${JSON.stringify({ error: code, description: reasonOf(failure) })}\n`);
  process.stderr.write(`ovsb: ${reasonOf(failure)}\n`);
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
