import type { DataSource } from 'typeorm';
import type { Clock } from '../../clock.js';
import { DomainError } from '../../errors.js';
import type { Ledger } from '../../keys/slashing-protection/ledger.js';
import type { Vault } from '../../keys/vault/vault.js';
import type { Logger } from '../../logger.js';
import type { InventorySource } from '../inventory.js';
import { adoptFleet } from './adopt.js';
import { advanceMoves } from './advance.js';
import type { MoveControl, Moves, PageView } from './contract.js';
import { createMoveStore } from './move-store.js';
import { getMove, listMoves } from './move-view.js';
import { createOutside } from './outside/outside.js';
import { raisePage } from './pages.js';
import { placements } from './placements.js';
import type { MoverOptions } from './ports.js';
import { reconcileFleet } from './reconcile.js';
import { startMove } from './start-move.js';
import { unlessSealed } from './unless-sealed.js';

export interface MovesOptions {
  readonly dataSource: DataSource;
  readonly vault: Vault;
  readonly ledger: Ledger;
  readonly inventory: InventorySource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A sealed broker starts nothing, advances nothing, deletes nothing (security.md, A1). */
  readonly seal?: { sealed(): string | undefined };
  readonly options?: Partial<MoverOptions> & {
    /** Moves stepped at once. */
    readonly concurrency?: number;
    /** How long a restart waits for other keys that need it. */
    readonly restartGatherMs?: number;
  };
}

const DEFAULTS: MoverOptions & { concurrency: number; restartGatherMs: number } = {
  flightCap: 50,
  leaseMs: 20_000,
  pollMs: 1_000,
  patienceMs: 120_000,
  withoutRestartHook: 'hold',
  sampleAfterSlots: 2n,
  concurrency: 64,
  restartGatherMs: 2_000,
};

/** More than this between two clocks, and nothing moves (security.md, A8). */
const CLOCK_SKEW_MS = 1_000;

/** The moves of one fleet. */
export function createMoves(deps: MovesOptions): Moves & MoveControl {
  const { dataSource, vault, ledger, inventory, clock, logger } = deps;
  const options = { ...DEFAULTS, ...deps.options };
  const nowMs = () => clock.nowMs();
  const controls = async () => {
    const placed = await placements(dataSource.manager);
    return placed
      .filter((place) => place.holder !== undefined && place.moveId === undefined)
      .map(({ publicKey }) => publicKey);
  };
  const outside = createOutside({ inventory, vault, controls, nowMs, restartGatherMs: options.restartGatherMs });
  const store = createMoveStore(dataSource, ledger);
  const missing = new Set<string>();
  const sealed = () => deps.seal?.sealed();

  return {
    async start(move, manager) {
      const reason = sealed();
      if (reason !== undefined) throw new DomainError('Sealed', `the broker is sealed: ${reason}`);
      return startMove(move, manager);
    },
    async abort(id, manager) {
      const [, changed] = await manager.query<[unknown[], number]>(
        `UPDATE move SET state = 'aborted', hold_reason = 'no longer wanted', fence = fence + 1, lease_until = NULL, updated_at = now()
         WHERE id = $1 AND state = 'preflight'`,
        [id],
      );
      return changed === 1;
    },
    list: (filter) => listMoves(dataSource, filter),
    get: (id) => getMove(dataSource, id),
    placements: (manager) => placements(manager ?? dataSource.manager),
    async pause(reason) {
      await dataSource.query('INSERT INTO mover_pause (reason) VALUES ($1) ON CONFLICT (id) DO NOTHING', [reason]);
    },
    async resume() {
      await dataSource.transaction(async (manager) => {
        await manager.query('UPDATE page SET acknowledged_at = now() WHERE acknowledged_at IS NULL');
        await manager.query('DELETE FROM mover_pause');
      });
    },
    async paused() {
      const [row] = await dataSource.query<{ reason: string; since: Date }[]>('SELECT reason, since FROM mover_pause');
      return row;
    },
    async pages() {
      const rows = await dataSource.query<
        { kind: string; public_key: string; validator_client: string; text: string; raised_at: Date }[]
      >(
        'SELECT kind, public_key, validator_client, text, raised_at FROM page WHERE acknowledged_at IS NULL ORDER BY id',
      );
      return rows.map(
        (row): PageView => ({
          kind: row.kind,
          ...(row.public_key !== '' && { publicKey: row.public_key }),
          ...(row.validator_client !== '' && { validatorClient: row.validator_client }),
          text: row.text,
          raisedAt: row.raised_at,
        }),
      );
    },
    async advance(signal) {
      if (sealed() !== undefined || !(await clockAgrees(dataSource, clock))) return;
      await advanceMoves(
        { store: unlessSealed(store, sealed), outside, options, nowMs },
        options.concurrency,
        signal,
        logger,
      );
    },
    async reconcile(signal) {
      if (sealed() !== undefined) return;
      await reconcileFleet({ dataSource, vault, ledger, outside, inventory, nowMs, missing, sealed }, signal);
    },
    async adopt(signal) {
      if (sealed() !== undefined) return;
      await adoptFleet({ dataSource, vault, outside, inventory, logger }, signal);
    },
    close: () => outside.close(),
  };
}

async function clockAgrees(dataSource: DataSource, clock: Clock): Promise<boolean> {
  const before = clock.nowMs();
  const [row] = await dataSource.query<{ now: string }[]>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now');
  const theirs = Number(row?.now);
  if (theirs >= before - CLOCK_SKEW_MS && theirs <= clock.nowMs() + CLOCK_SKEW_MS) return true;
  const text = `the clock here and the database's differ by ${Math.round(theirs - before)} ms`;
  await dataSource.transaction((manager) => raisePage({ kind: 'clock', text }, '', manager));
  return false;
}
