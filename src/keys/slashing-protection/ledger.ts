import type { DataSource, EntityManager } from 'typeorm';
import { In } from 'typeorm';
import { ProtectionLedger } from './protection-ledger.js';
import type { Watermark } from './watermark.js';

/** The monotone record of what is signed, by whomever. */
export interface Ledger {
  read(publicKey: string, manager?: EntityManager): Promise<Watermark>;
  readAll(publicKeys: readonly string[]): Promise<Map<string, Watermark>>;
  /** Raises to the higher of each value, in the caller's transaction; never lowers. */
  merge(publicKey: string, mark: Watermark, manager: EntityManager): Promise<void>;
}

export function createLedger(dataSource: DataSource): Ledger {
  return {
    async read(publicKey, manager = dataSource.manager) {
      const row = await manager.findOneBy(ProtectionLedger, { publicKey });
      return row ? markOf(row) : {};
    },
    async readAll(publicKeys) {
      const rows = await dataSource.manager.findBy(ProtectionLedger, { publicKey: In([...publicKeys]) });
      return new Map(rows.map((row) => [row.publicKey, markOf(row)]));
    },
    async merge(publicKey, mark, manager) {
      await manager.query(
        `INSERT INTO protection_ledger AS held (public_key, source_epoch, target_epoch, slot) VALUES ($1, $2, $3, $4)
         ON CONFLICT (public_key) DO UPDATE SET
           source_epoch = GREATEST(held.source_epoch, excluded.source_epoch),
           target_epoch = GREATEST(held.target_epoch, excluded.target_epoch),
           slot = GREATEST(held.slot, excluded.slot),
           updated_at = now()`,
        [publicKey, mark.sourceEpoch?.toString(), mark.targetEpoch?.toString(), mark.slot?.toString()],
      );
    },
  };
}

function markOf(row: ProtectionLedger): Watermark {
  return {
    sourceEpoch: row.sourceEpoch ?? undefined,
    targetEpoch: row.targetEpoch ?? undefined,
    slot: row.slot ?? undefined,
  };
}
