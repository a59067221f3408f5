/** What the move protocol promises: the types of its door (index.ts). */
import type { EntityManager } from 'typeorm';

/** keys.md's states; `placed` and `aborted` are final, `hold` waits for an operator. */
export type MoveState =
  | 'preflight'
  | 'draining'
  | 'confirming'
  | 'restarted'
  | 'quiet'
  | 'ready'
  | 'importing'
  | 'verify'
  | 'placed'
  | 'aborted'
  | 'hold';

export interface NewMove {
  /** Lower-case 0x, 48 bytes. */
  readonly publicKey: string;
  /** Validator clients' names. */
  readonly from: string;
  readonly to: string;
  /** For people: which target or request it serves. */
  readonly reason: string;
  readonly planId?: string;
  readonly instanceId?: string;
  /** Settings at the destination; absent: as they are at `from`. Gas limit in decimal. */
  readonly feeRecipient?: string;
  readonly gasLimit?: string;
  readonly graffiti?: string;
}

export interface MoveView {
  readonly id: string;
  readonly publicKey: string;
  readonly from: string;
  readonly to: string;
  readonly state: MoveState;
  readonly reason: string;
  /** Why it stands in `hold` or was aborted. */
  readonly holdReason?: string;
  /** Why it does not go on just now, for people. */
  readonly waiting?: string;
  /** It could not be brought to `to` and goes, or went, back to `from`. */
  readonly turnedBack?: true;
  readonly planId?: string;
  readonly instanceId?: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Where a key is, as far as the broker knows. */
export interface Placement {
  readonly publicKey: string;
  /** Holder of the signing right: a validator client's name, `pod:<name>`, or undefined for none. */
  readonly holder?: string;
  /** When the right was granted; dwell counts from here. */
  readonly since: Date;
  /** An unfinished move, if any. */
  readonly moveId?: string;
}

export interface Moves {
  /**
   * Inserts the move in state `preflight`, in the caller's transaction.
   * @throws DomainError `MoveUnfinished` when the key has one already (unique index), `NotHolder` when `from` has not the
   * right, `Sealed` while the broker is sealed (security.md A1).
   */
  start(move: NewMove, manager: EntityManager): Promise<string>;
  list(filter: { state?: MoveState; planId?: string; instanceId?: string; unfinished?: boolean }): Promise<MoveView[]>;
  /** With every raw answer and commit, oldest first. */
  get(id: string): Promise<(MoveView & { readonly evidence: readonly MoveEvidence[] }) | undefined>;
  placements(manager?: EntityManager): Promise<Placement[]>;
  /** Stops new moves; those in flight go on. Also set by any page. */
  pause(reason: string): Promise<void>;
  /** Acknowledges the pages and lets new moves start. */
  resume(): Promise<void>;
  paused(): Promise<{ readonly reason: string; readonly since: Date } | undefined>;
  /** One step for every move that can take one; each state's own call re-run after a crash. Idempotent, fenced. */
  advance(signal: AbortSignal): Promise<void>;
  /** Compares every validator client's key list with the rights; see keys.md, Reconciler. */
  reconcile(signal: AbortSignal): Promise<void>;
  /**
   * Records as holder the one validator client that lists a vault key no right exists for yet (the operator's fleet as
   * found at first start). Listed by two, or not in the vault: no right, a page.
   */
  adopt(signal: AbortSignal): Promise<void>;
}

/** What a mover offers beside the protocol. */
export interface MoveControl {
  /** Ends a move that is still in preflight, in the caller's transaction; false when it is past that. */
  abort(id: string, manager: EntityManager): Promise<boolean>;
  /** What nobody acknowledged yet, oldest first. */
  pages(): Promise<PageView[]>;
  /** Ends what it holds open outside. */
  close(): Promise<void>;
}

export interface PageView {
  readonly kind: string;
  readonly publicKey?: string;
  readonly validatorClient?: string;
  readonly text: string;
  readonly raisedAt: Date;
}

export interface MoveEvidence {
  readonly at: Date;
  readonly state: MoveState;
  /** `delete`, `list`, `restart`, `liveness`, `import`, `commit`, … */
  readonly kind: string;
  readonly detail: unknown;
}
