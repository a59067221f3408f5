import type { DataSource, EntityManager } from 'typeorm';
import type { Ledger } from '../../keys/slashing-protection/ledger.js';
import type { Change } from './change.js';
import type { MoveState } from './contract.js';
import { raisePage } from './pages.js';
import { Fenced, NoRoom, type Store } from './ports.js';
import { decodeProgress, encodeProgress, type MoveRecord } from './record.js';
import { moveRight } from './rights.js';

interface Row {
  id: string;
  public_key: string;
  from_client: string;
  to_client: string;
  source: string;
  destination: string;
  state: MoveState;
  hold_reason: string | null;
  progress: object;
  fence: string;
}

const COLUMNS = 'id, public_key, from_client, to_client, source, destination, state, hold_reason, progress, fence';
const FINAL = "('placed', 'aborted')";
/** States in which a key is on its way. */
const IN_FLIGHT = "('draining', 'confirming', 'restarted', 'quiet', 'ready', 'importing', 'verify')";

/** The rows of moves in PostgreSQL. Leases are on the database's clock; a commit needs the claim's fence and lease. */
export function createMoveStore(dataSource: DataSource, ledger: Ledger): Store {
  return {
    async claim(limit, leaseMs) {
      const [rows] = await dataSource.query<[Row[], number]>(
        `UPDATE move SET fence = fence + 1, lease_until = clock_timestamp() + $2 * interval '1 ms'
         WHERE id IN (
           SELECT id FROM move
           WHERE state NOT IN ${FINAL} AND next_at <= clock_timestamp()
             AND (lease_until IS NULL OR lease_until < clock_timestamp())
           ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [limit, leaseMs],
      );
      return rows.map(recordOf);
    },
    commit: (move, change) => dataSource.transaction((manager) => commit(move, change, ledger, manager)),
    ledger: (publicKey) => ledger.read(publicKey),
    async expectedAt(client) {
      const rows = await dataSource.query<{ public_key: string }[]>(
        `SELECT public_key FROM signing_right AS held
         WHERE holder_kind = 'validator_client' AND holder_name = $1 AND via = 'local'
           AND NOT EXISTS (SELECT FROM move WHERE move.public_key = held.public_key AND state NOT IN ${FINAL})
           AND NOT EXISTS (SELECT FROM page WHERE page.public_key = held.public_key AND kind = 'missing key'
                           AND acknowledged_at IS NULL)`,
        [client],
      );
      return rows.map((row) => row.public_key);
    },
    async quarantined(client) {
      const rows = await dataSource.query<unknown[]>(
        `SELECT FROM page WHERE validator_client = $1 AND kind = 'resurrected key' AND acknowledged_at IS NULL LIMIT 1`,
        [client],
      );
      return rows.length > 0;
    },
  };
}

async function commit(move: MoveRecord, change: Change, ledger: Ledger, manager: EntityManager): Promise<MoveRecord> {
  if (change.flightCap !== undefined) await needRoom(change.flightCap, manager);
  const [rows] = await manager.query<[Row[], number]>(
    `UPDATE move SET
       state = $3, source = $4, destination = $5, hold_reason = COALESCE($6, hold_reason), progress = $7,
       updated_at = CASE WHEN state = $3 THEN updated_at ELSE now() END,
       lease_until = CASE WHEN $8::bigint IS NULL THEN lease_until ELSE NULL END,
       next_at = CASE WHEN $8::bigint IS NULL THEN next_at ELSE clock_timestamp() + $8::bigint * interval '1 ms' END
     WHERE id = $1 AND fence = $2 AND lease_until > clock_timestamp() AND state NOT IN ${FINAL}
     RETURNING ${COLUMNS}`,
    [
      move.id,
      move.fence.toString(),
      change.state ?? move.state,
      change.source ?? move.source,
      change.destination ?? move.destination,
      change.holdReason ?? null,
      encodeProgress(change.progress),
      change.waitMs ?? null,
    ],
  );
  const row = rows[0];
  if (!row) throw new Fenced(`another mover has move ${move.id}`);
  if (change.right && !(await moveRight(move.publicKey, change.right.from, change.right.to, manager))) {
    throw new Fenced(`the signing right of ${move.publicKey} is not where move ${move.id} thinks`);
  }
  if (change.merge) await ledger.merge(move.publicKey, change.merge, manager);
  if (change.tombstone) await bury(move.publicKey, change.tombstone, manager);
  await writeEvidence(move, change, manager);
  if (change.page) await raisePage(change.page, move.publicKey, manager);
  return recordOf(row);
}

/** New moves wait while anyone paused, and while enough are in flight; the lock makes the count exact. */
async function needRoom(cap: number, manager: EntityManager): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('moves: room', 0))`);
  const [facts] = await manager.query<{ paused: string | null; flying: string }[]>(
    `SELECT (SELECT reason FROM mover_pause) AS paused,
            (SELECT count(*) FROM move WHERE state IN ${IN_FLIGHT}) AS flying`,
  );
  if (facts?.paused) throw new NoRoom(`moves are paused: ${facts.paused}`);
  if (Number(facts?.flying) >= cap) throw new NoRoom(`${cap} moves are in flight already`);
}

async function bury(
  publicKey: string,
  { validatorClient, why }: { validatorClient: string; why: string },
  manager: EntityManager,
): Promise<void> {
  await manager.query(
    `INSERT INTO key_tombstone (public_key, validator_client, why) VALUES ($1, $2, $3)
     ON CONFLICT (public_key, validator_client) DO UPDATE SET why = excluded.why, at = now()`,
    [publicKey, validatorClient, why],
  );
}

async function writeEvidence(move: MoveRecord, change: Change, manager: EntityManager): Promise<void> {
  const items = [...change.evidence];
  if (change.state !== undefined && change.state !== move.state) {
    items.push({
      kind: 'commit',
      detail: { from: move.state, to: change.state, right: change.right ?? undefined, reason: change.holdReason },
    });
  }
  for (const { kind, detail } of items) {
    await manager.query(`INSERT INTO evidence (move_id, public_key, state, kind, detail) VALUES ($1, $2, $3, $4, $5)`, [
      move.id,
      move.publicKey,
      move.state,
      kind,
      JSON.stringify(detail),
    ]);
  }
}

function recordOf(row: Row): MoveRecord {
  return {
    id: row.id,
    publicKey: row.public_key,
    from: row.from_client,
    to: row.to_client,
    source: row.source,
    destination: row.destination,
    state: row.state,
    holdReason: row.hold_reason ?? undefined,
    progress: decodeProgress(row.progress),
    fence: BigInt(row.fence),
  };
}
