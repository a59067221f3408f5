/**
 * The database's life as numbers that only grow while it is one and the same (security.md A1). Kept in the database, in
 * every process and in a file outside the database; where the database falls behind what was seen, it came from a backup,
 * a snapshot or a standby that lagged.
 */
export interface Incarnation {
  /** Fixed by initdb, decimal. */
  readonly systemIdentifier: string;
  /** Grows at each promotion of a standby and each point-in-time recovery. */
  readonly timeline: number;
  /** Write-ahead log position as a number of bytes. */
  readonly lsn: bigint;
  /** Counted in the database while brokers run; a restored dump falls behind in it though the log does not. */
  readonly ticks: bigint;
  /** How often an operator confirmed a new incarnation (`ovsb restore --confirm`). */
  readonly confirmations: bigint;
}

/** Why `now` may have forgotten what `seen` has seen; undefined: it continues it. Pure. */
export function brokenContinuity(seen: Incarnation, now: Incarnation): string | undefined {
  if (now.confirmations > seen.confirmations) return undefined;
  if (now.confirmations < seen.confirmations) return 'the database is from before the last confirmed restore';
  if (now.systemIdentifier !== seen.systemIdentifier) return 'this is another database cluster than before';
  if (now.timeline !== seen.timeline) return `the database changed from timeline ${seen.timeline} to ${now.timeline}`;
  if (now.lsn < seen.lsn) return 'the database log ends before a position already seen';
  if (now.ticks < seen.ticks) return 'the database contents are older than already seen';
  return undefined;
}

/** `16/B374D848` as a number of bytes. */
export function lsnBytes(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
