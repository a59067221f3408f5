/** The two slashable offences as the consensus specification defines them; pure. */
export interface SeenAttestation {
  readonly kind: 'attestation';
  readonly source: number;
  readonly target: number;
  readonly root: string;
}

export interface SeenBlock {
  readonly kind: 'block';
  readonly slot: number;
  readonly root: string;
}

export type Offence = 'double_vote' | 'surround' | 'double_block';

/** is_slashable_attestation_data, in either order. */
export function attestationOffence(a: SeenAttestation, b: SeenAttestation): Offence | undefined {
  if (a.target === b.target && a.root !== b.root) return 'double_vote';
  if (surrounds(a, b) || surrounds(b, a)) return 'surround';
  return undefined;
}

/** process_proposer_slashing: same slot, different header. */
export function blockOffence(a: SeenBlock, b: SeenBlock): Offence | undefined {
  return a.slot === b.slot && a.root !== b.root ? 'double_block' : undefined;
}

function surrounds(outer: SeenAttestation, inner: SeenAttestation): boolean {
  return outer.source < inner.source && inner.target < outer.target;
}
