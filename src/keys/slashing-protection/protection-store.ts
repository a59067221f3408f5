import type { DataSource, EntityManager } from 'typeorm';
import { DomainError } from '../../errors.js';
import type { Interchange, KeyHistory } from './interchange.js';
import { watermarkOf } from './interchange.js';
import type { Ledger } from './ledger.js';
import {
  judgeAttestation,
  judgeBlock,
  type SignedAttestation,
  type SignedBlock,
  type Strategy,
  type Verdict,
} from './rules.js';
import { SignedAttestationRow } from './signed-attestation.js';
import { SignedBlockRow } from './signed-block.js';

/**
 * Slashing protection of our own signer (EIP-3076). Check and record happen in the caller's transaction under a lock per
 * key, so several signers over one PostgreSQL cannot both say yes.
 */
export interface ProtectionStore {
  /** `allowed` was recorded; `repeat` may be signed again; anything else refuses. */
  signBlock(publicKey: string, block: SignedBlock, manager: EntityManager): Promise<Verdict>;
  signAttestation(publicKey: string, attestation: SignedAttestation, manager: EntityManager): Promise<Verdict>;
  /**
   * Adds every message named, also ones that contradict each other: more history only refuses more. All or none.
   * @throws DomainError `GenesisRootMismatch` for another chain's document.
   */
  import(interchange: Interchange): Promise<void>;
  /** Of the chosen keys, or of all. */
  export(publicKeys?: readonly string[]): Promise<Interchange>;
}

/** @param genesisValidatorsRoot the configured chain's, lower-case 0x; pinned. */
export function createProtectionStore(
  dataSource: DataSource,
  ledger: Ledger,
  genesisValidatorsRoot: string,
  strategy: Strategy = 'complete',
): ProtectionStore {
  return {
    async signBlock(publicKey, block, manager) {
      await lockKey(publicKey, manager);
      const verdict = judgeBlock(block, await blocksOf(publicKey, manager), strategy);
      if (verdict === 'allowed') await record({ publicKey, blocks: [block], attestations: [] }, manager);
      return verdict;
    },
    async signAttestation(publicKey, attestation, manager) {
      await lockKey(publicKey, manager);
      const verdict = judgeAttestation(attestation, await attestationsOf(publicKey, manager), strategy);
      if (verdict === 'allowed') await record({ publicKey, blocks: [], attestations: [attestation] }, manager);
      return verdict;
    },
    async import(interchange) {
      if (interchange.genesisValidatorsRoot !== genesisValidatorsRoot) {
        throw new DomainError('GenesisRootMismatch', 'the interchange is of another chain', {
          given: interchange.genesisValidatorsRoot,
          expected: genesisValidatorsRoot,
        });
      }
      await dataSource.transaction(async (manager) => {
        const ordered = [...interchange.keys].sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
        for (const history of ordered) {
          await lockKey(history.publicKey, manager);
          await record(history, manager);
        }
      });
    },
    async export(publicKeys) {
      const { manager } = dataSource;
      const keys = publicKeys ?? (await keysIn(manager));
      return {
        genesisValidatorsRoot,
        keys: await Promise.all(
          keys.map(async (publicKey) => ({
            publicKey,
            blocks: await blocksOf(publicKey, manager),
            attestations: await attestationsOf(publicKey, manager),
          })),
        ),
      };
    },
  };

  async function record(history: KeyHistory, manager: EntityManager): Promise<void> {
    const { publicKey } = history;
    if (history.blocks.length > 0) {
      await manager.insert(
        SignedBlockRow,
        history.blocks.map(({ slot, signingRoot }) => ({ publicKey, slot, signingRoot: signingRoot ?? null })),
      );
    }
    if (history.attestations.length > 0) {
      await manager.insert(
        SignedAttestationRow,
        history.attestations.map((attestation) => ({
          publicKey,
          sourceEpoch: attestation.sourceEpoch,
          targetEpoch: attestation.targetEpoch,
          signingRoot: attestation.signingRoot ?? null,
        })),
      );
    }
    await ledger.merge(publicKey, watermarkOf(history), manager);
  }
}

async function lockKey(publicKey: string, manager: EntityManager): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('slashing protection ' || $1, 0))`, [publicKey]);
}

async function blocksOf(publicKey: string, manager: EntityManager): Promise<SignedBlock[]> {
  const rows = await manager.find(SignedBlockRow, { where: { publicKey }, order: { slot: 'ASC', id: 'ASC' } });
  return rows.map(({ slot, signingRoot }) => ({ slot, signingRoot: signingRoot ?? undefined }));
}

async function attestationsOf(publicKey: string, manager: EntityManager): Promise<SignedAttestation[]> {
  const order = { targetEpoch: 'ASC', id: 'ASC' } as const;
  const rows = await manager.find(SignedAttestationRow, { where: { publicKey }, order });
  return rows.map((row) => ({
    sourceEpoch: row.sourceEpoch,
    targetEpoch: row.targetEpoch,
    signingRoot: row.signingRoot ?? undefined,
  }));
}

async function keysIn(manager: EntityManager): Promise<string[]> {
  const rows = await manager.query<{ public_key: string }[]>(
    'SELECT public_key FROM signed_block UNION SELECT public_key FROM signed_attestation ORDER BY 1',
  );
  return rows.map((row) => row.public_key);
}
