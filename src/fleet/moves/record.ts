import type { Watermark } from '../../keys/slashing-protection/watermark.js';
import type { MoveState } from './contract.js';

/** What a key is told beside its keystore; it does not move with the key and is copied (Keymanager API). */
export interface Settings {
  readonly feeRecipient?: string | undefined;
  /** Decimal. */
  readonly gasLimit?: string | undefined;
  readonly graffiti?: string | undefined;
}

/** Which process a validator client's name meant when the move began (security.md, A9). */
export interface Pin {
  readonly uri: string;
  /** SHA-256 of the token, hex. */
  readonly token: string;
}

/** A write that was begun: until when it may reach the validator client, and whether its answer is known. */
export interface Post {
  readonly to: string;
  readonly untilMs: number;
  readonly answered: boolean;
}

/** What a move has seen and done so far. Everything needed to go on after a crash; epochs and slots are bigint. */
export interface Progress {
  readonly wanted: Settings;
  readonly pins?: { readonly [client: string]: Pin } | undefined;
  readonly genesisValidatorsRoot?: string | undefined;
  readonly settings?: Settings | undefined;
  /** Why it does not go on, for people. */
  readonly waiting?: string | undefined;
  readonly failingSinceMs?: number | undefined;
  /** A `deleted` with protection came in this drain: then a profile may let `not_found` count. */
  readonly deletedWithProtection: boolean;
  /** `not_active` answers in a row. */
  readonly notActive: number;
  /** DELETEs answered with an error, in a row. */
  readonly errors: number;
  /** When absence was confirmed; a restart counts only when it began later. */
  readonly confirmedAtMs?: number | undefined;
  readonly resurrections: number;
  readonly quiet?: { readonly fromEpoch: bigint; readonly sampled: readonly bigint[] } | undefined;
  readonly watermark?: Watermark | undefined;
  readonly watermarkHash?: string | undefined;
  /** Imports begun in this and earlier moves of the key and not known to be over. */
  readonly posts: readonly Post[];
  /** Times an import ended in doubt. */
  readonly doubts: number;
  readonly importedEpoch?: bigint | undefined;
  readonly settingsCopied: boolean;
  /** In `hold`: the validator client that must lose the key. */
  readonly cleanup?: string | undefined;
  /** It lost it; looked after further, for an import that arrives late. */
  readonly cleanedUp?: boolean | undefined;
}

/** A claimed move. */
export interface MoveRecord {
  readonly id: string;
  readonly publicKey: string;
  readonly from: string;
  readonly to: string;
  /** Being drained. */
  readonly source: string;
  /** To import at. */
  readonly destination: string;
  readonly state: MoveState;
  readonly holdReason?: string | undefined;
  readonly progress: Progress;
  /** The claim's number: a commit under an older one is refused. */
  readonly fence: bigint;
}

export function freshProgress(wanted: Settings, posts: readonly Post[]): Progress {
  return {
    wanted,
    posts,
    deletedWithProtection: false,
    notActive: 0,
    errors: 0,
    resurrections: 0,
    doubts: 0,
    settingsCopied: false,
  };
}

/** Progress at the beginning of a drain of (another) source. */
export function freshDrain(progress: Progress): Progress {
  return {
    ...progress,
    deletedWithProtection: false,
    notActive: 0,
    errors: 0,
    confirmedAtMs: undefined,
    quiet: undefined,
    waiting: undefined,
    failingSinceMs: undefined,
  };
}

/** JSON with bigint as `"12n"`. */
export function encodeProgress(progress: Progress): string {
  return JSON.stringify(progress, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

export function decodeProgress(stored: object): Progress {
  return JSON.parse(JSON.stringify(stored), (_, value: unknown) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as Progress;
}
