import type { Watermark } from '../../keys/slashing-protection/watermark.js';
import type { Change } from './change.js';
import type { MoveRecord, Pin, Settings } from './record.js';

/** The claim was lost: another mover has the move now. Nothing was recorded; the step stops. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

/** Leaving preflight is not possible now. Nothing was recorded. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
}

/** How long a claim holds, on this process's monotonic clock and for others on the wall clock. */
export interface Lease {
  /** `performance.now()`-like milliseconds: no write begins at or after it. */
  readonly untilMonotonicMs: number;
  /** Wall clock: no write of this claim is on its way later. */
  readonly untilMs: number;
}

/** The rows. Every commit is one transaction, refused unless the claim is still ours. */
export interface Store {
  /** Claims due moves for `leaseMs`; the fence of each rises. */
  claim(limit: number, leaseMs: number): Promise<MoveRecord[]>;
  /** @throws Fenced, NoRoom */
  commit(move: MoveRecord, change: Change): Promise<MoveRecord>;
  ledger(publicKey: string): Promise<Watermark>;
  /** Keys whose right a validator client holds and that no open move touches: they must be listed there. */
  expectedAt(client: string): Promise<string[]>;
  /** Whether an open page forbids importing anything there. */
  quarantined(client: string): Promise<boolean>;
}

/**
 * An answer from outside. `refused`: certainly without effect (no connection, no such right). `unanswered`: it may have had
 * its effect, or may have it later.
 */
export type Answer<Facts> =
  | ({ readonly outcome: 'answered'; readonly raw: unknown } & Facts)
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unanswered'; readonly reason: string };

export type DeleteStatus = 'deleted' | 'not_active' | 'not_found' | 'error';
export type ImportStatus = 'imported' | 'duplicate' | 'error';

/** A beacon node as it says of itself. */
export interface NodeView {
  readonly name: string;
  /** Validator clients that follow it. */
  readonly clients: readonly string[];
  readonly synced: boolean;
  readonly optimistic: boolean;
  readonly genesisValidatorsRoot: string;
  readonly headEpoch: bigint;
  /** By its own clock. */
  readonly currentEpoch: bigint;
  /** Slots since the current epoch began. */
  readonly slotInEpoch: bigint;
  readonly justifiedEpoch: bigint;
  readonly finalizedEpoch: bigint;
  /** First epoch through which it was seen synced from beginning to end, so far; undefined: not synced now. */
  readonly wholeSince: bigint | undefined;
}

export interface ChainView {
  /** Nodes that answered, of those the inventory lists. */
  readonly nodes: readonly NodeView[];
  readonly listed: readonly { readonly name: string; readonly clients: readonly string[] }[];
  readonly slotsPerEpoch: bigint;
}

/** What one beacon node saw of a key in one epoch. */
export interface Witness {
  readonly node: string;
  readonly clients: readonly string[];
  readonly synced: boolean;
  /** It was synced from the beginning of the epoch on. */
  readonly whole: boolean;
  /** The same answer reports at least one other key live (security.md, A9). */
  readonly control: boolean;
  readonly live: boolean;
}

/** Whether the key has duties at all; `unknown` when no synced node answered. */
export type Standing = 'active' | 'inactive' | 'unknown';

/** Everything beyond the database. No call throws for a failure out there: the answer says it. */
export interface Outside {
  listKeys(client: string): Promise<Answer<{ readonly keys: readonly string[] }>>;
  deleteKey(
    client: string,
    publicKey: string,
    lease: Lease,
  ): Promise<Answer<{ readonly status: DeleteStatus; readonly protection?: Watermark | undefined }>>;
  /** Sends keystore, password and the minimal interchange of the watermark. */
  importKey(
    client: string,
    publicKey: string,
    mark: Watermark,
    genesisValidatorsRoot: string,
    lease: Lease,
  ): Promise<Answer<{ readonly status: ImportStatus }>>;
  /** A restart that began after `sinceMs` (wall clock), shared by all it serves; `unsupported` when no hook can. */
  restart(
    client: string,
    sinceMs: number,
  ): Promise<Answer<{ readonly startedAtMs: number }> | { readonly outcome: 'unsupported'; readonly reason: string }>;
  readSettings(client: string, publicKey: string): Promise<Answer<{ readonly settings: Settings }>>;
  writeSettings(client: string, publicKey: string, settings: Settings, lease: Lease): Promise<Answer<object>>;
  /** What the inventory says of it now; undefined when it is not listed or has no token. */
  identify(client: string): Promise<Pin | undefined>;
  /** Profile: after a `deleted` with protection, does `not_found` say the same as `not_active`? */
  notFoundIsNotActive(client: string): Promise<boolean>;
  chain(): Promise<ChainView>;
  liveness(publicKey: string, epoch: bigint): Promise<Witness[]>;
  standing(publicKey: string): Promise<Standing>;
  /** A proposal or sync-committee duty in this epoch or the next, as text; undefined: none known. */
  dutySoon(publicKey: string): Promise<string | undefined>;
  keystoreOpens(publicKey: string): Promise<boolean>;
}

export interface MoverOptions {
  /** Moves between draining and verify at once. */
  readonly flightCap: number;
  readonly leaseMs: number;
  /** Between two looks at the same thing. */
  readonly pollMs: number;
  /** Preflight that keeps failing is aborted, a destination that keeps failing in ready is given up, after this. */
  readonly patienceMs: number;
  /** Without a usable restart hook: `hold`, or `continue` and rely on quiet window and reconciler. */
  readonly withoutRestartHook: 'hold' | 'continue';
  /** Slots into the next epoch before an epoch's last sample is taken. */
  readonly sampleAfterSlots: bigint;
}

export interface StepContext {
  readonly store: Store;
  readonly outside: Outside;
  readonly options: MoverOptions;
  /** Wall clock, ms. */
  nowMs(): number;
}

export type Step = (move: MoveRecord, lease: Lease, context: StepContext) => Promise<Change>;
