import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { hex } from '../../src/sandbox/bls.js';
import { attestationSigningRoot, domain } from '../../src/sandbox/chain/signing.js';
import { DOMAIN, FORK_VERSIONS, ZERO_ROOT } from '../../src/sandbox/chain/spec.js';

const bytes = (text: string) => Buffer.from(text.slice(2), 'hex');
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const uint64 = (value: number) => {
  const chunk = Buffer.alloc(32);
  chunk.writeBigUInt64LE(BigInt(value));
  return chunk;
};

describe('sandbox signing roots (consensus-specs phase0)', () => {
  it("compute_domain gives mainnet's published deposit domain", () => {
    const mainnet = hex(domain(DOMAIN.deposit, '0x00000000', ZERO_ROOT));
    expect(mainnet).to.equal('0x03000000f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a9');
  });

  it('an attestation signing root equals the same tree hashed by hand', () => {
    const genesisRoot = `0x${'4b'.repeat(32)}`;
    const data = {
      slot: '65',
      index: '0',
      beacon_block_root: `0x${'11'.repeat(32)}`,
      source: { epoch: '7', root: `0x${'22'.repeat(32)}` },
      target: { epoch: '8', root: `0x${'33'.repeat(32)}` },
    };
    const zero = Buffer.alloc(32);
    const source = sha256(uint64(7), bytes(data.source.root));
    const target = sha256(uint64(8), bytes(data.target.root));
    const left = sha256(sha256(uint64(65), uint64(0)), sha256(bytes(data.beacon_block_root), source));
    const right = sha256(sha256(target, zero), sha256(zero, zero));
    const forkData = sha256(Buffer.concat([bytes(FORK_VERSIONS.electra), Buffer.alloc(28)]), bytes(genesisRoot));
    const attester = Buffer.concat([bytes(DOMAIN.beaconAttester), forkData.subarray(0, 28)]);
    expect(hex(attestationSigningRoot(data, genesisRoot))).to.equal(hex(sha256(sha256(left, right), attester)));
  });
});
