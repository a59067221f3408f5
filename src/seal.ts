/**
 * Whether the database may be older than what this broker has already done (security.md A1). While sealed, nothing that
 * could sign, move, delete, deposit or allocate runs.
 */
export interface Seal {
  /** Why the broker is sealed, for people; undefined: it is not. */
  sealed(): string | undefined;
}
