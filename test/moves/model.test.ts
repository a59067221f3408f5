import { expect } from 'chai';
import { CALM, type FaultRates, STORMY } from './model/faults.js';
import type { Mutations } from './model/mutations.js';
import { runSchedule } from './model/run-schedule.js';

const SCHEDULES = 10_000;
const TICKS = 110;

describe('move protocol, model', function () {
  this.timeout(240_000);

  it('completes every move when nothing goes wrong', async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const outcome = await runSchedule(seed, CALM, {}, TICKS);
      expect(outcome.slashable).to.deep.equal([]);
      expect(outcome.placed, outcome.reasons.join('; ')).to.be.greaterThan(1);
      expect(outcome.started - outcome.placed).to.be.at.most(1);
    }
  });

  it(`makes no slashable pair in ${SCHEDULES} random schedules of crashes, delays, partitions and lies`, async () => {
    const totals = { placed: 0, started: 0, signatures: 0 };
    for (let seed = 1; seed <= SCHEDULES; seed += 1) {
      const outcome = await runSchedule(seed, STORMY, {}, TICKS);
      expect(outcome.slashable, `seed ${seed}: ${outcome.history.join(' ')}`).to.deep.equal([]);
      totals.placed += outcome.placed;
      totals.started += outcome.started;
      totals.signatures += outcome.signatures;
    }
    expect(totals.placed, 'moves that got through the storm').to.be.greaterThan(SCHEDULES / 10);
  });

  const network: FaultRates = { ...CALM, stall: 0.012 };
  const fences: [string, Mutations, FaultRates][] = [
    ['the fence of a lost claim', { noFence: true }, network],
    ['the deadline just before a write (A6)', { noDeadline: true }, network],
    ['the restart', { noRestart: true }, { ...CALM, resurrects: 1, restarts: 1 }],
    ['the quiet window', { noQuiet: true }, { ...CALM, sneaky: 1 }],
    ['the positive control of witnesses (A9)', { noControl: true }, { ...CALM, sneaky: 1, badWitness: 1 }],
    ['the witnesses of whole epochs (A9)', { noWhole: true }, { ...CALM, sneaky: 1, badWitness: 1 }],
    ['the repeated DELETE', { trustDeleted: true }, { ...CALM, dormant: 1 }],
    ['the source of the watermark (A8)', { noSource: true }, { ...CALM, lag: 1 }],
    ['the watermark (A8)', { noWatermark: true }, { ...CALM, lag: 1, forgets: 1 }],
    ['the distrust of `duplicate` (A7)', { trustDuplicate: true }, { ...CALM, dropsProtection: 1, lag: 1 }],
    ['the patience with a client that does not answer', { timeoutIsGone: true }, { ...CALM, island: 1, lies: 1 }],
    ['the one unfinished move a key may have', { twoMovesAtOnce: true }, CALM],
  ];
  for (const [name, mutation, rates] of fences) {
    it(`fails without ${name}`, async () => {
      const harmless = await firstSlashing({}, rates, 60);
      expect(harmless, 'with every fence in place').to.equal(undefined);
      expect(await firstSlashing(mutation, rates, 1500)).to.be.a('number');
    });
  }
});

/** The first seed whose schedule makes a slashable pair. */
async function firstSlashing(mutations: Mutations, rates: FaultRates, most: number): Promise<number | undefined> {
  for (let seed = 1; seed <= most; seed += 1) {
    const outcome = await runSchedule(seed, rates, mutations, rates.stall > 0 ? 2 * TICKS : TICKS);
    if (outcome.slashable.length > 0) return seed;
  }
  return undefined;
}
