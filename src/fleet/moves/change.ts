import type { Watermark } from '../../keys/slashing-protection/watermark.js';
import type { MoveState } from './contract.js';
import type { Progress } from './record.js';

export interface EvidenceItem {
  readonly kind: string;
  readonly detail: unknown;
}

export interface PageItem {
  readonly kind: PageKind;
  readonly text: string;
  readonly validatorClient?: string;
}

export type PageKind =
  | 'resurrected key'
  | 'key live in quiet window'
  | 'protection from the future'
  | 'move in hold'
  | 'not live after import'
  | 'unknown holder'
  | 'unknown key'
  | 'missing key'
  | 'listed twice'
  | 'clock';

/** What one step decided; recorded whole or not at all. */
export interface Change {
  readonly state?: MoveState;
  readonly source?: string;
  readonly destination?: string;
  readonly holdReason?: string;
  readonly progress: Progress;
  /** Moves the signing right, if its holder is still the one expected. Undefined holder: none. */
  readonly right?: { readonly from: string | undefined; readonly to: string | undefined };
  /** Raised into the key's protection ledger. */
  readonly merge?: Watermark | undefined;
  readonly tombstone?: { readonly validatorClient: string; readonly why: 'deleted' | 'import intent' };
  readonly evidence: readonly EvidenceItem[];
  readonly page?: PageItem | undefined;
  /** Leaves preflight: refused while paused, or while this many moves are in flight. */
  readonly flightCap?: number;
  /** Gives up the claim; the next step may start after this long. Absent: the claim is kept for the next step. */
  readonly waitMs?: number;
}
