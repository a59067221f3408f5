/**
 * The highest values a key is known to have signed. Undefined: none known. Epochs and slots.
 * The three never go down, and each is enough to refuse everything at or below it (EIP-3076, minimal strategy).
 */
export interface Watermark {
  readonly sourceEpoch?: bigint | undefined;
  readonly targetEpoch?: bigint | undefined;
  readonly slot?: bigint | undefined;
}

/** The higher of each. */
export function highest(...marks: readonly (Watermark | undefined)[]): Watermark {
  return {
    sourceEpoch: maximum(marks.map((mark) => mark?.sourceEpoch)),
    targetEpoch: maximum(marks.map((mark) => mark?.targetEpoch)),
    slot: maximum(marks.map((mark) => mark?.slot)),
  };
}

export function maximum(values: readonly (bigint | undefined)[]): bigint | undefined {
  return values.reduce(
    (high, value) => (high === undefined || (value !== undefined && value > high) ? value : high),
    undefined,
  );
}
