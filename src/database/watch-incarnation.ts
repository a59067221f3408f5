import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource, EntityManager } from 'typeorm';
import { reasonOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Seal } from '../seal.js';
import { brokenContinuity, type Incarnation, lsnBytes } from './incarnation.js';

export interface IncarnationWatch extends Seal {
  /** The operator has seen what was fenced and declares this database to be the truth; on every replica within 5 s. */
  confirm(manager?: EntityManager): Promise<void>;
  /** Seals by decision (`ovsb restore`), on every replica within 5 s. */
  seal(reason: string, manager?: EntityManager): Promise<void>;
  /** Compares and records once; runs by itself every 5 s. */
  look(): Promise<void>;
  close(): Promise<void>;
}

interface Row {
  readonly system_identifier: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly stored_system_identifier: string | null;
  readonly stored_timeline: number;
  readonly stored_lsn: string;
  readonly ticks: string;
  readonly confirmations: string;
  readonly sealed_reason: string | null;
}

const LOOK_EVERY_MS = 5_000;

/** Compares the database with the file `<dataDir>/incarnation.json` and with itself, now and every 5 s. */
export async function watchIncarnation(
  dataSource: DataSource,
  dataDir: string,
  logger: Logger,
): Promise<IncarnationWatch> {
  const file = join(dataDir, 'incarnation.json');
  let reason: string | undefined;
  let seen = readSeen(file);

  const look = async (): Promise<void> => {
    const outcome = await dataSource.transaction((manager) => compare(manager, seen));
    if (outcome.sealed !== reason)
      logger.error({ reason: outcome.sealed }, outcome.sealed ? 'sealed' : 'no longer sealed');
    reason = outcome.sealed;
    if (reason === undefined) {
      seen = outcome.now;
      writeSeen(file, seen);
    }
  };
  await look();
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch((failure) => logger.warn({ reason: reasonOf(failure) }, 'the incarnation could not be compared'))
      .finally(() => {
        looking = undefined;
      });
  }, LOOK_EVERY_MS);
  timer.unref();

  const change = async (sql: string, parameters: unknown[], manager?: EntityManager): Promise<void> => {
    await (manager ?? dataSource.manager).query(sql, parameters);
    if (!manager) await look();
  };
  return {
    sealed: () => reason,
    look,
    confirm: (manager) =>
      change(
        `UPDATE database_incarnation SET confirmations = confirmations + 1, sealed_reason = NULL,
           system_identifier = (SELECT system_identifier::text FROM pg_control_system()),
           timeline = (SELECT timeline_id FROM pg_control_checkpoint()), highest_lsn = pg_current_wal_flush_lsn()`,
        [],
        manager,
      ),
    seal: (why, manager) => change('UPDATE database_incarnation SET sealed_reason = $1', [why], manager),
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** Reads, compares and ticks in one transaction; a broken continuity is stored, for every replica and start. */
async function compare(
  manager: EntityManager,
  seen: Incarnation | undefined,
): Promise<{ sealed: string | undefined; now: Incarnation }> {
  const row = await read(manager);
  const stored = row.stored_system_identifier !== null;
  const actual = { systemIdentifier: row.system_identifier, timeline: row.timeline, lsn: lsnBytes(row.lsn) };
  const now: Incarnation = { ...actual, ticks: BigInt(row.ticks) + 1n, confirmations: BigInt(row.confirmations) };
  const before: Incarnation | undefined = stored
    ? {
        ...now,
        systemIdentifier: row.stored_system_identifier ?? '',
        timeline: row.stored_timeline,
        lsn: lsnBytes(row.stored_lsn),
      }
    : undefined;
  const broken = (before && brokenContinuity(before, now)) ?? (seen && brokenContinuity(seen, now));
  const sealed = row.sealed_reason ?? broken;
  if (sealed !== undefined && stored) {
    await manager.query('UPDATE database_incarnation SET sealed_reason = $1', [sealed]);
  } else {
    await manager.query(
      `INSERT INTO database_incarnation (system_identifier, timeline, highest_lsn, ticks, sealed_reason)
       VALUES ($1, $2, $3::pg_lsn, 1, $4)
       ON CONFLICT (only_row) DO UPDATE SET ticks = database_incarnation.ticks + 1,
         highest_lsn = GREATEST(database_incarnation.highest_lsn, EXCLUDED.highest_lsn)`,
      [row.system_identifier, row.timeline, row.lsn, sealed ?? null],
    );
  }
  return { sealed, now };
}

async function read(manager: EntityManager): Promise<Row> {
  // Locked first: the positions below must be read after what the last replica stored.
  await manager.query('SELECT 1 FROM database_incarnation FOR UPDATE');
  const rows: Row[] = await manager.query(`
    SELECT control.system_identifier::text, checkpoint.timeline_id AS timeline, pg_current_wal_flush_lsn()::text AS lsn,
           stored.system_identifier AS stored_system_identifier, coalesce(stored.timeline, 0) AS stored_timeline,
           coalesce(stored.highest_lsn, '0/0')::text AS stored_lsn, coalesce(stored.ticks, 0)::text AS ticks,
           coalesce(stored.confirmations, 0)::text AS confirmations, stored.sealed_reason
    FROM pg_control_system() control CROSS JOIN pg_control_checkpoint() checkpoint
    LEFT JOIN database_incarnation stored ON true`);
  const [row] = rows;
  if (!row) throw new Error('the database does not tell its system identifier');
  return row;
}

function readSeen(file: string): Incarnation | undefined {
  if (!existsSync(file)) return undefined;
  const { systemIdentifier, timeline, lsn, ticks, confirmations } = JSON.parse(readFileSync(file, 'utf8'));
  return { systemIdentifier, timeline, lsn: BigInt(lsn), ticks: BigInt(ticks), confirmations: BigInt(confirmations) };
}

function writeSeen(file: string, seen: Incarnation): void {
  const text = JSON.stringify(seen, (_name, value) => (typeof value === 'bigint' ? value.toString() : value));
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
