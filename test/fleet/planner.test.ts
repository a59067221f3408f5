import { expect } from 'chai';
import fc from 'fast-check';
import { makePlan } from '../../src/fleet/planner/make-plan.js';
import type { Bound } from '../../src/fleet/planner/model.js';
import { HighsSolver } from '../../src/fleet/planner/solver.js';
import { applied, best, type Fleet, fleet, key, score, sharesOf } from './planner-support.js';

const solver = new HighsSolver();
after(() => solver.close());

const THIRD: Bound[] = ['lighthouse', 'teku', 'nimbus', 'prysm'].map((name) => ({
  layer: 'consensus',
  name,
  max: 1 / 3,
}));

describe('F planner: the sandbox monoculture', () => {
  const consensus = ['grandine', 'lighthouse', 'lodestar', 'nimbus', 'prysm', 'teku'];
  const clients = consensus.flatMap((name) =>
    ['geth', 'nethermind'].map((execution) => ({ consensus: name, execution, capacity: 64 })),
  );
  const keys = Array.from({ length: 64 }, (_, i) =>
    key(i, i < 40 ? 'lighthouse-geth' : i < 48 ? 'prysm-geth' : i < 56 ? 'teku-geth' : 'nimbus-nethermind'),
  );
  const bounds: Bound[] = [
    ...consensus.map((name) => ({ layer: 'consensus' as const, name, max: 1 / 3 })),
    ...['geth', 'nethermind'].map((name) => ({ layer: 'execution' as const, name, max: 2 / 3 })),
  ];

  it('is fixed in the fewest moves, with a reason each, and planning again gives none', async () => {
    const monoculture = fleet(clients, keys, bounds, 64);
    const plan = await makePlan(monoculture, solver);
    expect(plan.moves).to.have.length(20);
    expect(plan.certificate).to.deep.include({ value: 20, gap: 0 });
    expect(plan.unmet).to.deep.equal([]);
    for (const move of plan.moves) expect(move.reason).to.match(/consensus lighthouse holds 62\.5 %, cap 33\.3 %/);
    const after = applied(monoculture, plan.moves);
    const shares = sharesOf(after, 'consensus');
    for (const share of shares.values()) expect(share).to.be.at.most(1 / 3);
    for (const share of sharesOf(after, 'execution').values()) expect(share).to.be.at.most(2 / 3);
    expect([...shares.values()].sort().at(0), 'spread over all implementations').to.be.above(0.05);
    expect((await makePlan(after, solver)).moves).to.deep.equal([]);
  });

  it('moves what the budget allows and says what stays unmet', async () => {
    const plan = await makePlan(fleet(clients, keys, bounds, 5), solver);
    expect(plan.moves).to.have.length(5);
    expect(plan.unmet.map((unmet) => unmet.name)).to.include('lighthouse');
    expect(plan.unmet[0]?.reason).to.contain('budget of 5');
  });

  it('names contradictions before solving', async () => {
    const tight = bounds.map((bound) => (bound.layer === 'execution' ? { ...bound, max: 0.4 } : bound));
    const plan = await makePlan(fleet(clients, keys, tight, 64), solver);
    expect(plan.contradictions.join()).to.contain('2 execution implementations').and.contain('80.0 %');
    expect(plan.unmet.some((unmet) => unmet.layer === 'execution')).to.equal(true);
  });

  it('keeps a hard wish and never touches a frozen key', async () => {
    const wished = keys.map((one, i) =>
      i < 10
        ? { ...one, wish: { kind: 'hard' as const, consensus: 'lighthouse', execution: 'geth' } }
        : i < 20
          ? { ...one, frozen: true }
          : one,
    );
    const plan = await makePlan(fleet(clients, wished, bounds, 64), solver);
    const untouchable = new Set(wished.slice(0, 20).map((one) => one.publicKey));
    expect(plan.moves).to.have.length(20);
    expect(plan.moves.filter((move) => untouchable.has(move.publicKey))).to.deep.equal([]);
  });
});

const IMPLEMENTATIONS = { consensus: ['lighthouse', 'teku', 'nimbus'], execution: ['geth', 'besu'] };

/** Small fleets: 3 to 5 validator clients, up to 8 keys of one or several stakes, caps and floors, wishes, frozen keys. */
function smallFleet(mixed: boolean): fc.Arbitrary<Fleet> {
  const client = fc.record({
    consensus: fc.constantFrom(...IMPLEMENTATIONS.consensus),
    execution: fc.constantFrom(...IMPLEMENTATIONS.execution),
    capacity: fc.integer({ min: 2, max: 8 }),
  });
  return fc
    .record({
      clients: fc.uniqueArray(client, {
        minLength: 2,
        maxLength: 4,
        selector: (one) => `${one.consensus}-${one.execution}`,
      }),
      places: fc.array(
        fc.record({
          at: fc.nat(),
          stake: mixed ? fc.constantFrom(1, 1, 2, 64) : fc.constant(1),
          frozen: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
          wish: fc.option(fc.record({ kind: fc.constantFrom('hard' as const, 'soft' as const), at: fc.nat() }), {
            freq: 4,
          }),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      max: fc.constantFrom(1 / 3, 0.5, 0.66, 1),
      executionMax: fc.constantFrom(0.5, 0.66, 1),
      min: fc.constantFrom(undefined, undefined, 0.2),
      budget: fc.integer({ min: 0, max: 8 }),
    })
    .map(({ clients, places, max, executionMax, min, budget }) => {
      const keys = places.map(({ at, stake, frozen, wish }, i) => {
        const home = clients[at % clients.length];
        const wished = wish ? clients[wish.at % clients.length] : undefined;
        return {
          ...key(i, `${home?.consensus}-${home?.execution}`),
          stake,
          frozen,
          ...(wish && wished && { wish: { kind: wish.kind, consensus: wished.consensus } }),
        };
      });
      const bounds: Bound[] = [
        ...IMPLEMENTATIONS.consensus.map((name) => ({
          layer: 'consensus' as const,
          name,
          max,
          ...(min !== undefined && name === 'teku' && { min }),
        })),
        ...IMPLEMENTATIONS.execution.map((name) => ({ layer: 'execution' as const, name, max: executionMax })),
      ];
      return fleet(clients, keys, bounds, budget);
    });
}

describe('F planner: properties', () => {
  it('brute force on up to 8 keys finds nothing better (equal and mixed stakes)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean().chain(smallFleet), async (small) => {
        const plan = await makePlan(small, solver);
        const found = score(small, applied(small, plan.moves));
        const oracle = best(small);
        expect(found.violation).to.be.closeTo(oracle.violation, 1e-4);
        expect(found.price).to.be.closeTo(oracle.price, 1e-4);
        if (oracle.needed) expect(plan.certificate.value).to.be.closeTo(oracle.price, 1e-4);
      }),
      { numRuns: 150 },
    );
  });

  it('conserves keys, keeps capacity, budget, hard wishes and frozen keys; the same input gives the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(smallFleet(true), async (small) => {
        const plan = await makePlan(small, solver);
        expect(plan.moves.length).to.be.at.most(small.budget);
        expect(new Set(plan.moves.map((move) => move.publicKey)).size).to.equal(plan.moves.length);
        const after = applied(small, plan.moves);
        for (const client of small.clients) {
          const before = small.keys.filter((one) => one.validatorClient === client.name).length;
          const held = after.keys.filter((one) => one.validatorClient === client.name).length;
          expect(held).to.be.at.most(Math.max(client.capacity, before));
        }
        for (const move of plan.moves)
          expect(small.keys.find((one) => one.publicKey === move.publicKey)?.frozen).to.equal(false);
        expect(JSON.stringify(await makePlan(small, solver))).to.equal(JSON.stringify(plan));
      }),
      { numRuns: 100 },
    );
  });

  it('a soft wish that costs the swap it is worth stays as it is, also when planned again', async () => {
    const keys = [
      { ...key(0, 'lighthouse-besu'), wish: { kind: 'soft', consensus: 'nimbus' } as const },
      { ...key(1, 'nimbus-besu'), frozen: true },
      key(2, 'nimbus-besu'),
      { ...key(3, 'nimbus-besu'), frozen: true, wish: { kind: 'hard', consensus: 'nimbus' } as const },
      key(4, 'nimbus-besu'),
    ];
    const clients = ['nimbus', 'lighthouse'].map((consensus) => ({ consensus, execution: 'besu', capacity: 3 }));
    const bounds = [
      { layer: 'consensus', name: 'lighthouse', max: 0.66 },
      { layer: 'consensus', name: 'nimbus', max: 0.66 },
      { layer: 'execution', name: 'besu', max: 0.5 },
    ] as const;
    const crowded = fleet(clients, keys, bounds, 8);
    const plan = await makePlan(crowded, solver);
    expect(plan.moves).to.have.length(1);
    expect((await makePlan(applied(crowded, plan.moves), solver)).moves).to.deep.equal([]);
  });

  it('planning again after applying gives no moves; a bigger budget is never worse', async () => {
    await fc.assert(
      fc.asyncProperty(smallFleet(false), async (small) => {
        const whole = { ...small, budget: 8 };
        const plan = await makePlan(whole, solver);
        expect((await makePlan(applied(whole, plan.moves), solver)).moves).to.deep.equal([]);
        const less = await makePlan({ ...small, budget: small.budget }, solver);
        const reached = (moves: typeof plan.moves) => score(whole, applied(whole, moves)).violation;
        expect(reached(plan.moves)).to.be.at.most(reached(less.moves) + 1e-4);
      }),
      { numRuns: 100 },
    );
  });

  it('holds a cap of a third over four implementations at 10,000 keys', async () => {
    const clients = THIRD.map(({ name }) => ({ consensus: name, execution: 'geth', capacity: 10_000 }));
    const many = fleet(
      clients,
      Array.from({ length: 10_000 }, (_, i) => key(i, 'teku-geth')),
      THIRD,
      10_000,
    );
    const plan = await makePlan(many, solver);
    for (const share of sharesOf(applied(many, plan.moves), 'consensus').values()) expect(share).to.be.at.most(1 / 3);
    expect(plan.moves).to.have.length(10_000 - Math.floor((0.95 / 3) * 10_000));
  });
});
