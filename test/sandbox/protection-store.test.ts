import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AttestationRecord, ProtectionStore } from '../../src/sandbox/validator-client/protection-store.js';

const GENESIS = `0x${'0a'.repeat(32)}`;
const KEY = `0x${'b1'.repeat(48)}`;
const OTHER = `0x${'b2'.repeat(48)}`;

function attestation(source: number, target: number, root = `0x${'01'.repeat(32)}`): AttestationRecord {
  return { kind: 'attestation', publicKey: KEY, source, target, root };
}

function block(slot: number, root = `0x${'01'.repeat(32)}`) {
  return { kind: 'block' as const, publicKey: KEY, slot, root };
}

describe('sandbox validator client: EIP-3076 store', () => {
  let folder: string;
  let store: ProtectionStore;
  const signs = (record: Parameters<ProtectionStore['allow']>[0][number]) => store.allow([record]).length === 1;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ovsb-protection-'));
    store = new ProtectionStore(folder, GENESIS);
  });

  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  it('refuses a double vote, and allows the very same message again', () => {
    expect(signs(attestation(1, 2))).to.equal(true);
    expect(signs(attestation(1, 2))).to.equal(true);
    expect(signs(attestation(1, 2, `0x${'02'.repeat(32)}`))).to.equal(false);
  });

  it('refuses surrounding and surrounded votes', () => {
    expect(signs(attestation(3, 5))).to.equal(true);
    expect(signs(attestation(2, 6))).to.equal(false);
    expect(signs(attestation(4, 4))).to.equal(false);
    expect(signs(attestation(3, 6))).to.equal(true);
  });

  it('refuses a second block of a slot and any block before it', () => {
    expect(signs(block(10))).to.equal(true);
    expect(signs(block(10, `0x${'02'.repeat(32)}`))).to.equal(false);
    expect(signs(block(9))).to.equal(false);
    expect(signs(block(11))).to.equal(true);
  });

  it('refuses a source after its target', () => {
    expect(signs(attestation(3, 2))).to.equal(false);
  });

  it('remembers over a crash, and cuts off a torn last line', () => {
    store.allow([attestation(1, 9)]);
    store.close();
    appendFileSync(join(folder, 'protection.jsonl'), '{"kind":"attestation","publi');
    store = new ProtectionStore(folder, GENESIS);
    expect(signs(attestation(1, 9, `0x${'02'.repeat(32)}`))).to.equal(false);
    expect(signs(attestation(1, 10))).to.equal(true);
    store.close();
    store = new ProtectionStore(folder, GENESIS);
    expect(signs(attestation(1, 10, `0x${'02'.repeat(32)}`))).to.equal(false);
  });

  it('an import raises watermarks and never lowers them', () => {
    store.allow([attestation(4, 8), block(70)]);
    const history = (source: string, target: string, slot: string) => ({
      metadata: { interchange_format_version: '5', genesis_validators_root: GENESIS },
      data: [
        {
          pubkey: KEY,
          signed_blocks: [{ slot }],
          signed_attestations: [{ source_epoch: source, target_epoch: target }],
        },
      ],
    });
    store.import(history('1', '2', '3'));
    expect(signs(attestation(4, 8, `0x${'02'.repeat(32)}`))).to.equal(false);
    store.import(history('5', '20', '200'));
    expect(signs(attestation(5, 20))).to.equal(false);
    expect(signs(attestation(5, 21))).to.equal(true);
    expect(signs(block(200))).to.equal(false);
    expect(signs(block(201))).to.equal(true);
  });

  it("refuses another network's history before changing anything", () => {
    const foreign = {
      metadata: { interchange_format_version: '5', genesis_validators_root: `0x${'ff'.repeat(32)}` },
      data: [{ pubkey: KEY, signed_blocks: [], signed_attestations: [{ source_epoch: '1', target_epoch: '99' }] }],
    };
    expect(() => store.import(foreign)).to.throw('another network');
    expect(signs(attestation(1, 2))).to.equal(true);
  });

  it('exports what it knows of the asked keys only', () => {
    store.allow([attestation(4, 8), { ...attestation(1, 2), publicKey: OTHER }]);
    const exported = store.export([KEY, `0x${'b3'.repeat(48)}`]);
    expect(exported.data).to.have.lengthOf(1);
    expect(exported.data[0]?.signed_attestations).to.deep.equal([
      { source_epoch: '4', target_epoch: '8', signing_root: `0x${'01'.repeat(32)}` },
    ]);
  });
});
