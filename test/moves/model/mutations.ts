/** The fences, each of which can be taken out. */
export interface Mutations {
  /** Commits are accepted from a mover that lost its claim. */
  readonly noFence?: boolean;
  /** The deadline is not looked at just before a write. */
  readonly noDeadline?: boolean;
  /** The restart is believed, not done. */
  readonly noRestart?: boolean;
  /** Nobody looks at the chain: every key is silent. */
  readonly noQuiet?: boolean;
  /** A witness counts even when it is not synced or reports nobody live. */
  readonly noControl?: boolean;
  /** A witness counts that missed a part of the epoch. */
  readonly noWhole?: boolean;
  /** `deleted` is believed: the DELETE is not repeated. */
  readonly trustDeleted?: boolean;
  /** The watermark is sent without its source. */
  readonly noSource?: boolean;
  /** No watermark is sent at all. */
  readonly noWatermark?: boolean;
  /** `duplicate` is taken for `imported`. */
  readonly trustDuplicate?: boolean;
  /** A client that does not answer is taken for gone. */
  readonly timeoutIsGone?: boolean;
  /** A key may have two unfinished moves. */
  readonly twoMovesAtOnce?: boolean;
}
