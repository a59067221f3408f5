import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { GENESIS_CHECKPOINTS, nextCheckpoints } from '../../src/sandbox/chain/finality.js';
import { Referee, type SeenSignature } from '../../src/sandbox/referee/referee.js';
import { SegmentedLog } from '../../src/sandbox/segmented-log.js';

const KEY = `0x${'c1'.repeat(48)}`;

function vote(source: number, target: number, mark: string, validator_client = 'a'): SeenSignature {
  const signing_root = `0x${mark.repeat(32)}`;
  return {
    public_key: KEY,
    kind: 'attestation',
    slot: target * 8,
    source,
    target,
    signing_root,
    validator_client,
    at: 1,
  };
}

function block(slot: number, mark: string): SeenSignature {
  return { public_key: KEY, kind: 'block', slot, signing_root: `0x${mark.repeat(32)}`, validator_client: 'a', at: 1 };
}

describe('sandbox referee', () => {
  let folder: string;
  let referee: Referee;
  const kinds = () => referee.report().slashable.map((pair) => pair.kind);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ovsb-referee-'));
    referee = Referee.open(folder);
  });

  afterEach(() => {
    referee.close();
    rmSync(folder, { recursive: true });
  });

  it('sees a double vote, whoever signed it', () => {
    referee.see(vote(1, 2, '01', 'a'));
    referee.see(vote(1, 2, '02', 'b'));
    expect(kinds()).to.deep.equal(['double_vote']);
  });

  it('sees a surround in either order', () => {
    referee.see(vote(3, 4, '01'));
    referee.see(vote(2, 5, '02'));
    expect(kinds()).to.deep.equal(['surround']);
  });

  it('sees a double block', () => {
    referee.see(block(7, '01'));
    referee.see(block(7, '02'));
    expect(kinds()).to.deep.equal(['double_block']);
  });

  it('accuses nobody for one message from two places, nor for honest votes', () => {
    referee.see(vote(1, 2, '01', 'a'));
    referee.see(vote(1, 2, '01', 'b'));
    referee.see(vote(2, 3, '02', 'b'));
    referee.see(vote(2, 3, '02', 'b'));
    expect(referee.report()).to.include({ signatures: 3, attestations: 3, blocks: 0 });
    expect(kinds()).to.deep.equal([]);
  });

  it('remembers signatures and pairs when opened again, and counts none twice', () => {
    referee.see(vote(1, 2, '01'));
    referee.see(vote(1, 2, '02'));
    const before = referee.report();
    referee.close();
    referee = Referee.open(folder);
    expect(referee.report()).to.deep.equal(before);
    referee.see(vote(0, 3, '03'));
    expect(kinds()).to.deep.equal(['double_vote', 'surround', 'surround']);
  });

  it('proves on a copy that it sees every offence', () => {
    const before = referee.report();
    expect(referee.selfTest()).to.include({ saw: true });
    expect(referee.report()).to.deep.equal(before);
  });

  it('a full log file is summed up in the next', () => {
    const limits = { lines: 3, read: 1, keep: 2 };
    const path = join(folder, 'segments');
    const first = SegmentedLog.open<number, { n: number }>(path, limits);
    for (let n = 1; n <= 7; n++) first.log.append({ n }, () => n);
    first.log.close();
    const { log, summary, entries } = SegmentedLog.open<number, { n: number }>(path, limits);
    log.close();
    expect({ summary, entries }).to.deep.equal({ summary: 7, entries: [] });
  });
});

describe('sandbox finality', () => {
  const run = (epochs: number, supported: (epoch: number) => boolean) => {
    let checkpoints = GENESIS_CHECKPOINTS;
    for (let epoch = 0; epoch < epochs; epoch++) checkpoints = nextCheckpoints(checkpoints, supported);
    return checkpoints;
  };

  it('two justified epochs in a row finalise the first', () => {
    expect(run(6, (epoch) => epoch >= 2)).to.include({ processed: 6, justified: 5, finalized: 4 });
  });

  it('nothing is finalised while every second epoch lacks support', () => {
    expect(run(9, (epoch) => epoch % 2 === 1 && epoch > 1)).to.include({ finalized: 0 });
  });
});
