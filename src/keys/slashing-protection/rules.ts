/** The law of EIP-3076 (conditions 1–5), pure. Epochs, slots; roots are lower-case 0x or undefined when unknown. */
export interface SignedBlock {
  readonly slot: bigint;
  readonly signingRoot?: string | undefined;
}

export interface SignedAttestation {
  readonly sourceEpoch: bigint;
  readonly targetEpoch: bigint;
  readonly signingRoot?: string | undefined;
}

export type Refusal =
  | 'DoubleBlockProposal'
  | 'SlotAtOrBelowWatermark'
  | 'SourceAfterTarget'
  | 'DoubleVote'
  | 'SurroundsPrevious'
  | 'SurroundedByPrevious'
  | 'SourceBelowWatermark'
  | 'TargetAtOrBelowWatermark';

/** `complete` keeps every message; `minimal` keeps only the highest and refuses all at or below it. */
export type Strategy = 'complete' | 'minimal';

/** `repeat`: this very message was signed before, so that signing it again adds nothing. */
export type Verdict = 'allowed' | 'repeat' | Refusal;

export function judgeBlock(block: SignedBlock, known: readonly SignedBlock[], strategy: Strategy): Verdict {
  const same = known.filter((other) => other.slot === block.slot);
  if (same.some((other) => isRepeat(block, other)) && same.every((other) => isRepeat(block, other))) {
    return strategy === 'complete' ? 'repeat' : 'SlotAtOrBelowWatermark';
  }
  if (same.length > 0) return 'DoubleBlockProposal';
  const bound =
    strategy === 'complete' ? least(known.map((other) => other.slot)) : most(known.map((other) => other.slot));
  if (bound !== undefined && block.slot <= bound) return 'SlotAtOrBelowWatermark';
  return 'allowed';
}

export function judgeAttestation(
  attestation: SignedAttestation,
  known: readonly SignedAttestation[],
  strategy: Strategy,
): Verdict {
  if (attestation.sourceEpoch > attestation.targetEpoch) return 'SourceAfterTarget';
  const same = known.filter((other) => other.targetEpoch === attestation.targetEpoch);
  if (same.some((other) => isRepeat(attestation, other)) && same.every((other) => isRepeat(attestation, other))) {
    return strategy === 'complete' ? 'repeat' : 'TargetAtOrBelowWatermark';
  }
  if (same.length > 0) return 'DoubleVote';
  if (known.some((other) => surrounds(attestation, other))) return 'SurroundsPrevious';
  if (known.some((other) => surrounds(other, attestation))) return 'SurroundedByPrevious';
  const bound = strategy === 'complete' ? least : most;
  const source = bound(known.map((other) => other.sourceEpoch));
  const target = bound(known.map((other) => other.targetEpoch));
  if (source !== undefined && attestation.sourceEpoch < source) return 'SourceBelowWatermark';
  if (target !== undefined && attestation.targetEpoch <= target) return 'TargetAtOrBelowWatermark';
  return 'allowed';
}

/** Whether `outer` surrounds `inner`: consensus-specs, is_slashable_attestation_data. */
export function surrounds(
  outer: Pick<SignedAttestation, 'sourceEpoch' | 'targetEpoch'>,
  inner: Pick<SignedAttestation, 'sourceEpoch' | 'targetEpoch'>,
): boolean {
  return outer.sourceEpoch < inner.sourceEpoch && inner.targetEpoch < outer.targetEpoch;
}

/** An unknown root is never equal to another: the message may have been a different one. */
function isRepeat(one: { signingRoot?: string | undefined }, other: { signingRoot?: string | undefined }): boolean {
  return one.signingRoot !== undefined && one.signingRoot === other.signingRoot;
}

function least(values: readonly bigint[]): bigint | undefined {
  return values.reduce<bigint | undefined>((low, value) => (low === undefined || value < low ? value : low), undefined);
}

function most(values: readonly bigint[]): bigint | undefined {
  return values.reduce<bigint | undefined>(
    (high, value) => (high === undefined || value > high ? value : high),
    undefined,
  );
}
