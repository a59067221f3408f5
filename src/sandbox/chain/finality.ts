/** Justification and finalisation, after process_justification_and_finalization, by epoch number. */
export interface Checkpoints {
  readonly previousJustified: number;
  readonly justified: number;
  readonly finalized: number;
  /** The epoch whose beginning was processed last. */
  readonly processed: number;
}

export const GENESIS_CHECKPOINTS: Checkpoints = { previousJustified: 0, justified: 0, finalized: 0, processed: 0 };

/**
 * The checkpoints at the beginning of epoch `processed + 1`. `supported(epoch)` says whether two thirds of the stake
 * voted for that epoch as target. Two justified epochs in a row finalise the first.
 */
export function nextCheckpoints(before: Checkpoints, supported: (epoch: number) => boolean): Checkpoints {
  const epoch = before.processed + 1;
  const [last, beforeLast] = [epoch - 1, epoch - 2];
  let justified = before.justified;
  let finalized = before.finalized;
  if (beforeLast > justified && supported(beforeLast)) justified = beforeLast;
  const wasJustified = justified === beforeLast;
  if (last > justified && supported(last)) {
    if (wasJustified) finalized = Math.max(finalized, beforeLast);
    justified = last;
  }
  return { previousJustified: before.justified, justified, finalized, processed: epoch };
}
