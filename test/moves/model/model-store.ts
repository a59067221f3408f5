import type { Change } from '../../../src/fleet/moves/change.js';
import type { MoveState } from '../../../src/fleet/moves/index.js';
import { Fenced, type Store } from '../../../src/fleet/moves/ports.js';
import { freshProgress, type MoveRecord, type Post } from '../../../src/fleet/moves/record.js';
import { highest, type Watermark } from '../../../src/keys/slashing-protection/watermark.js';
import type { Mutations } from './mutations.js';

interface Row {
  record: MoveRecord;
  fence: bigint;
  leaseUntil: number;
  nextAt: number;
}

/** The rows of the model: what PostgreSQL promises the mover, in memory. */
export class ModelStore implements Store {
  readonly rows: Row[] = [];
  readonly rights = new Map<string, string | undefined>();
  readonly marks = new Map<string, Watermark>();
  readonly pages: string[] = [];
  readonly history: string[] = [];

  constructor(
    private readonly now: () => number,
    private readonly mutations: Mutations,
  ) {}

  start(publicKey: string, from: string, to: string): boolean {
    const open = this.rows.some(({ record }) => record.publicKey === publicKey && !isFinal(record.state));
    if (!this.mutations.twoMovesAtOnce && (open || this.rights.get(publicKey) !== from)) return false;
    const posts: readonly Post[] =
      this.rows.filter(({ record }) => record.publicKey === publicKey).at(-1)?.record.progress.posts ?? [];
    const record: MoveRecord = {
      id: String(this.rows.length),
      publicKey,
      from,
      to,
      source: from,
      destination: to,
      state: 'preflight',
      progress: freshProgress({}, posts),
      fence: 0n,
    };
    this.rows.push({ record, fence: 0n, leaseUntil: -1, nextAt: this.now() });
    return true;
  }

  async claim(limit: number, leaseMs: number): Promise<MoveRecord[]> {
    const due = this.rows.filter(
      (row) => !isFinal(row.record.state) && row.nextAt <= this.now() && row.leaseUntil <= this.now(),
    );
    return due.slice(0, limit).map((row) => {
      row.fence += 1n;
      row.leaseUntil = this.now() + leaseMs;
      row.record = { ...row.record, fence: row.fence };
      return row.record;
    });
  }

  async commit(move: MoveRecord, change: Change): Promise<MoveRecord> {
    const row = this.rows[Number(move.id)];
    if (!row) throw new Error('no such move');
    if (!this.mutations.noFence) {
      if (row.fence !== move.fence || row.leaseUntil <= this.now() || isFinal(row.record.state))
        throw new Fenced('claim');
      if (change.right && this.rights.get(move.publicKey) !== change.right.from && !this.mutations.twoMovesAtOnce) {
        throw new Fenced('right');
      }
    }
    if (change.right) this.rights.set(move.publicKey, change.right.to);
    if (change.merge) this.marks.set(move.publicKey, highest(this.marks.get(move.publicKey), change.merge));
    if (change.page) this.pages.push(change.page.kind);
    if (change.state !== undefined && change.state !== row.record.state) this.history.push(change.state);
    row.record = {
      ...row.record,
      state: change.state ?? move.state,
      source: change.source ?? move.source,
      destination: change.destination ?? move.destination,
      holdReason: change.holdReason,
      progress: change.progress,
    };
    if (change.waitMs !== undefined) {
      row.leaseUntil = -1;
      row.nextAt = this.now() + change.waitMs;
    }
    return { ...row.record, fence: move.fence };
  }

  async ledger(publicKey: string): Promise<Watermark> {
    return this.marks.get(publicKey) ?? {};
  }

  async expectedAt(client: string): Promise<string[]> {
    return [...this.rights]
      .filter(([key, holder]) => holder === client && key.startsWith('control'))
      .map(([key]) => key);
  }

  async quarantined(): Promise<boolean> {
    return false;
  }

  stateOf(id: number): MoveState | undefined {
    return this.rows[id]?.record.state;
  }
}

export function isFinal(state: MoveState): boolean {
  return state === 'placed' || state === 'aborted';
}
