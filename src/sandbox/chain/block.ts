import { createHash } from 'node:crypto';
import { type AttestationData, type BlockHeader, blockBodyRoot, blockRoot } from './signing.js';
import { ZERO_ROOT } from './spec.js';

/** Votes a block carries: one entry per attestation data. */
export interface IncludedVotes {
  readonly data: AttestationData;
  readonly indices: readonly number[];
}

export interface Block {
  readonly slot: number;
  readonly proposerIndex: number;
  readonly root: string;
  readonly header: BlockHeader;
  readonly randaoReveal: string;
  readonly graffiti: string;
  readonly feeRecipient: string;
  readonly signature: string;
  readonly attestations: readonly IncludedVotes[];
}

export const EMPTY_SIGNATURE = `0x${'00'.repeat(96)}`;
const NO_ADDRESS = `0x${'00'.repeat(20)}`;

/** The state after a block at `slot` on `parentRoot`; a simulation needs no more of it than its name. */
export function stateRootAfter(parentRoot: string, slot: number): string {
  return `0x${createHash('sha256').update(`state ${parentRoot} ${slot}`).digest('hex')}`;
}

export function genesisBlock(genesisValidatorsRoot: string): Block {
  const body = { randao_reveal: EMPTY_SIGNATURE, graffiti: ZERO_ROOT, fee_recipient: NO_ADDRESS };
  const header = {
    slot: '0',
    proposer_index: '0',
    parent_root: ZERO_ROOT,
    state_root: stateRootAfter(genesisValidatorsRoot, 0),
    body_root: blockBodyRoot(body),
  };
  return {
    slot: 0,
    proposerIndex: 0,
    root: blockRoot(header),
    header,
    randaoReveal: EMPTY_SIGNATURE,
    graffiti: ZERO_ROOT,
    feeRecipient: NO_ADDRESS,
    signature: EMPTY_SIGNATURE,
    attestations: [],
  };
}
