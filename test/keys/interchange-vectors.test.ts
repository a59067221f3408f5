import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseInterchange, serialiseInterchange } from '../../src/keys/slashing-protection/interchange.js';
import { createLedger } from '../../src/keys/slashing-protection/ledger.js';
import { createProtectionStore } from '../../src/keys/slashing-protection/protection-store.js';
import type { Strategy } from '../../src/keys/slashing-protection/rules.js';
import { ROOT } from '../../src/paths.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

interface Vector {
  name: string;
  genesis_validators_root: string;
  steps: {
    should_succeed: boolean;
    interchange: object;
    blocks: {
      pubkey: string;
      slot: string;
      signing_root?: string;
      should_succeed: boolean;
      should_succeed_complete: boolean;
    }[];
    attestations: {
      pubkey: string;
      source_epoch: string;
      target_epoch: string;
      signing_root?: string;
      should_succeed: boolean;
      should_succeed_complete: boolean;
    }[];
  }[];
}

const FOLDER = join(ROOT, '../shared/data/vectors/slashing-protection-interchange');
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name !== 'schema.json') : [];
const UNKNOWN = `0x${'00'.repeat(32)}`;

describe('EIP-3076 published interchange vectors', () => {
  if (files.length === 0) it.skip('no vectors in ../shared/data/vectors', () => undefined);
  for (const strategy of ['complete', 'minimal'] satisfies Strategy[]) {
    for (const file of files) {
      it(`${file} (${strategy})`, () => run(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Vector, strategy));
    }
  }
});

/** The vectors write an unknown root as zeros. */
const rootOf = (text: string | undefined) => (text === UNKNOWN ? undefined : text);

async function run(vector: Vector, strategy: Strategy): Promise<void> {
  const database: TestDatabase = await testDatabase();
  try {
    const { dataSource } = database;
    const store = createProtectionStore(dataSource, createLedger(dataSource), vector.genesis_validators_root, strategy);
    for (const step of vector.steps) {
      const outcome = await succeeds(() => store.import(parseInterchange(JSON.stringify(step.interchange))));
      expect(outcome, 'import').to.equal(step.should_succeed);
      for (const block of step.blocks) {
        const verdict = await dataSource.transaction((manager) =>
          store.signBlock(block.pubkey, { slot: BigInt(block.slot), signingRoot: rootOf(block.signing_root) }, manager),
        );
        const expected = strategy === 'complete' ? block.should_succeed_complete : block.should_succeed;
        expect(verdict === 'allowed' || verdict === 'repeat', `block ${block.slot}: ${verdict}`).to.equal(expected);
      }
      for (const attestation of step.attestations) {
        const verdict = await dataSource.transaction((manager) =>
          store.signAttestation(
            attestation.pubkey,
            {
              sourceEpoch: BigInt(attestation.source_epoch),
              targetEpoch: BigInt(attestation.target_epoch),
              signingRoot: rootOf(attestation.signing_root),
            },
            manager,
          ),
        );
        const expected = strategy === 'complete' ? attestation.should_succeed_complete : attestation.should_succeed;
        expect(
          verdict === 'allowed' || verdict === 'repeat',
          `attestation ${attestation.target_epoch}: ${verdict}`,
        ).to.equal(expected);
      }
    }
    const exported = await store.export();
    expect(parseInterchange(serialiseInterchange(exported))).to.deep.equal(exported);
  } finally {
    await database.drop();
  }
}

async function succeeds(task: () => Promise<void>): Promise<boolean> {
  try {
    await task();
    return true;
  } catch {
    return false;
  }
}
