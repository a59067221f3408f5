/**
 * A refusal in the words of the domain, without HTTP: `code` names it, `facts` carry what the reader needs.
 * Each protocol has one renderer that turns codes into its own words and status; a message is never sent outward as is.
 */
export class DomainError<Code extends string = string> extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'DomainError';
  }
}

/** The text of anything thrown, for logs. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
