import { expect } from 'chai';
import { batchSize, nextMoves, type PlannedStep } from '../../src/fleet/plans/next-moves.js';
import { type TestFleet, testFleet } from './fleet-support.js';

interface PlanBody {
  id: string;
  state: string;
  certificate: { value: number; gap: number };
  moves: { public_key: string; from: string; to: string; reason: string; state: string }[];
  unmet: unknown[];
  repoints: unknown[];
}
interface DiversityBody {
  stake_gwei: string;
  shares: Record<string, { name: string; share: number; stake_gwei: string; keys: number }[]>;
  targets: { layer: string; name: string; max: number; inner: number }[];
  violations: { layer: string; name: string; share: number; limit: number }[];
  risk: { clients: { name: string; '6h': number; '24h': number; '7d': number }[] };
  network: { source: string };
}

describe('F plans over HTTP', () => {
  let test: TestFleet;
  beforeEach(async () => {
    test = await testFleet();
  });
  afterEach(() => test.close());
  const diversity = async () => (await test.call('GET', '/diversity')).body as unknown as DiversityBody;
  const plan = async (body?: unknown) => (await test.call('POST', '/plans', body)).body as unknown as PlanBody;

  it('shows the monoculture: shares by stake, targets with inner, one violation per broken cap, risk per client', async () => {
    const body = await diversity();
    expect(body.stake_gwei).to.equal((64n * 32_000_000_000n).toString());
    expect(body.shares.consensus?.[0]).to.deep.equal({
      name: 'lighthouse',
      share: 0.625,
      stake_gwei: (40n * 32_000_000_000n).toString(),
      keys: 40,
    });
    expect(body.shares.consensus?.map(({ name }) => name)).to.include('grandine');
    expect(body.targets).to.deep.include({ layer: 'consensus', name: '*', max: 1 / 3, inner: 0.95 / 3 });
    expect(body.violations).to.deep.equal([
      { layer: 'execution', name: 'geth', share: 54 / 64, limit: 2 / 3 },
      { layer: 'consensus', name: 'lighthouse', share: 0.625, limit: 1 / 3 },
    ]);
    const lighthouse = body.risk.clients.find(({ name }) => name === 'lighthouse');
    expect(lighthouse?.['7d']).to.be.above(lighthouse?.['24h'] ?? 0);
    expect(lighthouse?.['24h']).to.be.above(lighthouse?.['6h'] ?? 0);
  });

  it('plans, approves, carries out with canaries and batches of 8, and then has nothing left to plan', async () => {
    const proposed = await plan();
    expect(proposed.state).to.equal('proposed');
    expect(proposed.moves).to.have.length(proposed.certificate.value);
    expect(proposed.moves.length).to.equal(20);
    expect(proposed.repoints).to.deep.equal([]);
    await test.run('dispatch');
    expect(await test.moves.list({}), 'nothing before the approval').to.deep.equal([]);
    const approved = await test.call('POST', `/plans/${proposed.id}/approve`);
    expect([approved.status, (approved.body as unknown as PlanBody).state]).to.deep.equal([200, 'approved']);
    expect((await test.call('POST', `/plans/${proposed.id}/approve`)).status).to.equal(200);

    await test.run('dispatch');
    const canaries = await test.moves.list({ unfinished: true });
    const pairs = new Set(proposed.moves.map(({ from, to }) => `${from.split('-')[0]}>${to.split('-')[0]}`));
    expect(canaries).to.have.length(pairs.size);
    let most = 0;
    let waves = 1;
    for (; waves < 20; waves += 1) {
      await test.moves.finish();
      await test.run('dispatch');
      const underway = (await test.moves.list({ unfinished: true })).length;
      if (underway === 0) break;
      most = Math.max(most, underway);
    }
    expect(most).to.be.at.most(8);
    expect(waves, 'waves of about a minute').to.be.at.most(4);
    expect(((await test.call('GET', `/plans/${proposed.id}`)).body as unknown as PlanBody).state).to.equal('done');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await diversity()).violations).to.deep.equal([]);
    expect((await plan()).moves).to.deep.equal([]);
    const moves = (await test.call('GET', '/moves?state=placed')).body.moves as unknown as {
      id: string;
      reason: string;
    }[];
    expect(moves).to.have.length(20);
    const one = (await test.call('GET', `/moves/${moves[0]?.id}`)).body as unknown as { evidence: unknown[] };
    expect(one.evidence).to.have.length(1);
  });

  it('starts nothing while paused; a held canary stops its pair only', async () => {
    const { id } = await plan();
    await test.call('POST', `/plans/${id}/approve`);
    expect((await test.call('POST', '/pause', { reason: 'dinner' })).body).to.deep.include({
      paused: true,
      reason: 'dinner',
    });
    await test.run('dispatch');
    expect(await test.moves.list({})).to.deep.equal([]);
    expect((await test.call('POST', '/resume')).body).to.deep.equal({ paused: false });
    await test.run('dispatch');
    const [first, ...others] = await test.moves.list({});
    await test.moves.set(first?.id ?? '', 'hold', 'the client lied');
    await test.moves.finish(others.map((move) => move.id));
    await test.run('dispatch');
    const held = (await test.call('GET', '/moves?state=hold')).body.moves as unknown as {
      reason: string;
      serves: string;
    }[];
    expect(held[0]?.reason).to.equal('the client lied');
    const pairOf = (name: string | undefined) => name?.split('-')[0];
    const next = await test.moves.list({ state: 'preflight' });
    expect(next.length).to.be.above(0);
    for (const move of next)
      expect([pairOf(move.from), pairOf(move.to)]).to.not.deep.equal([pairOf(first?.from), pairOf(first?.to)]);
  });

  it('a canary whose key came back proves nothing: one key of the pair is tried again, not a batch', async () => {
    const { id } = await plan();
    await test.call('POST', `/plans/${id}/approve`);
    await test.run('dispatch');
    const canaries = await test.moves.list({});
    for (const canary of canaries) await test.moves.turnBack(canary.id);
    await test.run('dispatch');
    const next = await test.moves.list({ state: 'preflight' });
    const pairs = next.map(({ from, to }) => `${from.split('-')[0]}>${to.split('-')[0]}`);
    expect(new Set(pairs).size).to.equal(pairs.length);
    const { moves } = (await test.call('GET', `/plans/${id}`)).body as unknown as { moves: { state: string }[] };
    expect(moves.filter(({ state }) => state === 'aborted')).to.have.length(canaries.length);
  });

  it('skips planned moves the fleet has overtaken', async () => {
    const proposed = await plan();
    const [move] = proposed.moves;
    await test.database.dataSource.query('UPDATE fake_right SET holder = $2 WHERE public_key = $1', [
      move?.public_key,
      'teku-nethermind',
    ]);
    await test.call('POST', `/plans/${proposed.id}/approve`);
    await test.run('dispatch');
    const now = (await test.call('GET', `/plans/${proposed.id}`)).body as unknown as {
      moves: { public_key: string; state: string; note: string }[];
    };
    expect(now.moves.find(({ public_key }) => public_key === move?.public_key)).to.deep.include({
      state: 'skipped',
      note: 'the key is at teku-nethermind now',
    });
  });

  it('a what-if shows other targets and budgets, and cannot be approved', async () => {
    const whatIf = await plan({ what_if: { targets: [{ layer: 'consensus', name: '*', max: '1/4' }], budget: 3 } });
    expect(whatIf.moves).to.have.length(3);
    expect(whatIf.unmet).to.have.length.above(0);
    const refused = await test.call('POST', `/plans/${whatIf.id}/approve`);
    expect([refused.status, refused.body.error]).to.deep.equal([409, 'not_approvable']);
  });

  it('a newer plan supersedes older ones', async () => {
    const [one, two] = [await plan(), await plan()];
    expect((await test.call('POST', `/plans/${one.id}/approve`)).status).to.equal(409);
    await test.call('POST', `/plans/${two.id}/approve`);
    await test.run('dispatch');
    const three = await plan();
    expect((await test.call('POST', `/plans/${three.id}/approve`)).status).to.equal(200);
    const old = (await test.call('GET', `/plans/${two.id}`)).body as unknown as PlanBody;
    expect(old.state).to.equal('superseded');
    expect(new Set(old.moves.map(({ state }) => state))).to.deep.equal(new Set(['started', 'skipped']));
  });

  it('lists validator clients with execution, state, keys', async () => {
    test.nodes.down.add('bn/nimbus-geth');
    await test.run('look');
    const clients = (await test.call('GET', '/validator-clients')).body as unknown as { name: string; state: string }[];
    expect(clients).to.have.length(12);
    expect(clients.find(({ name }) => name === 'lighthouse-geth')).to.deep.include({
      implementation: 'lighthouse',
      execution: 'geth',
      keys: 36,
      capacity: 64,
      state: 'up',
    });
    expect(clients.find(({ name }) => name === 'nimbus-geth')).to.deep.include({
      state: 'down',
      detail: 'nimbus-geth: answered 503',
    });
    const down = await plan();
    expect(down.moves.filter(({ to }) => to === 'nimbus-geth')).to.deep.equal([]);
  });

  it('asks the guard for exactly the scope, renders its answers and every bad input', async () => {
    await test.call('POST', '/pause', {});
    expect(test.asked.at(-1)).to.deep.equal({ resourceId: 'fleet-resource', scopes: ['pause'] });
    const refused = async (method: string, path: string, body?: unknown) => {
      const answer = await test.call(method, path, body);
      return `${answer.status} ${String(answer.body.error)} ${String(answer.body.description)}`;
    };
    expect(await refused('GET', '/moves?state=lost')).to.match(/^400 bad_request state must be one of/);
    expect(await refused('POST', '/plans', { what_if: { budget: -1 } })).to.equal(
      '400 bad_request what_if.budget must be >= 0',
    );
    expect(
      await refused('POST', '/plans', { what_if: { targets: [{ layer: 'consensus', name: '*', max: 3 }] } }),
    ).to.match(/^400 .*what_if.targets.0.max/);
    expect(await refused('POST', '/plans', { whatif: {} })).to.match(/^400 .*whatif/);
    expect(await refused('POST', '/plans', '{')).to.equal('400 bad_request the body is not JSON');
    expect(await refused('POST', '/plans', `"${'x'.repeat(70_000)}"`)).to.match(/^413 body_too_large/);
    expect(await refused('GET', '/plans/nothing')).to.match(/^404 no_such_plan/);
    expect(await refused('POST', '/plans/00000000-0000-0000-0000-000000000000/approve')).to.match(/^404 no_such_plan/);
    expect(await refused('GET', '/moves/00000000-0000-0000-0000-000000000000')).to.match(/^404 no_such_move/);
    test.guardAnswers('challenge');
    const challenged = await test.call('GET', '/diversity');
    expect(challenged.headers.get('www-authenticate')).to.contain('UMA');
    expect([challenged.status, challenged.body.error]).to.deep.equal([401, 'unauthorized']);
    test.guardAnswers('denied');
    expect(await refused('POST', '/plans')).to.equal('403 denied the policies say no');
  });
});

describe('F plans: modes and windows', () => {
  const mode = (text: string) =>
    testFleet({
      diversity: `${text}\npresets: [lido-el-2025-q1]\ntargets: [{ layer: consensus, name: "*", max: 1/3 }]\nbudget: { min_dwell_seconds: 0 }`,
    });

  it('observe: plans are shown only', async () => {
    const test = await mode('mode: observe');
    const { body } = await test.call('POST', '/plans');
    expect((await test.call('POST', `/plans/${String(body.id)}/approve`)).status).to.equal(409);
    await test.close();
  });

  it('auto: made, approved and started by the jobs; nothing in a freeze window', async () => {
    const test = await mode(
      'mode: auto\nfreeze_windows: [{ from: "2020-01-01T00:00:00Z", until: "2999-01-01T00:00:00Z", reason: fork }]',
    );
    await test.run('plan');
    await test.run('plan');
    await test.run('dispatch');
    const plans: { state: string; approved_by: string }[] = await test.database.dataSource.query(
      'SELECT state, approved_by FROM rebalancing_plan',
    );
    expect(plans).to.deep.equal([{ state: 'approved', approved_by: 'auto' }]);
    expect(await test.moves.list({})).to.deep.equal([]);
    await test.close();
  });
});

describe('F blast radius', () => {
  const step = (position: number, clientPair: string, state: PlannedStep['state'] = 'planned', held = false) => ({
    position,
    clientPair,
    state,
    held,
  });
  const limits = { canary: true, batch: 8, inFlight: 16 };

  it('one canary for each pair at once, then no more than a batch, all within the in-flight cap', () => {
    const steps = Array.from({ length: 40 }, (_, i) => step(i, i % 2 === 0 ? 'a>b' : 'a>c'));
    expect(nextMoves(steps, limits)).to.deep.equal([0, 1]);
    const proven = steps.map((one) =>
      one.position === 0
        ? { ...one, state: 'placed' as const }
        : one.position === 1
          ? { ...one, state: 'started' as const }
          : one,
    );
    expect(nextMoves(proven, limits)).to.deep.equal([2, 4, 6, 8, 10, 12, 14, 16]);
    expect(nextMoves(proven, { ...limits, inFlight: 3 })).to.deep.equal([2, 4]);
    expect(nextMoves(steps, { ...limits, canary: false })).to.have.length(8);
  });

  it('after an aborted canary the next key is the canary; a held one stops its pair', () => {
    expect(nextMoves([step(0, 'a>b', 'aborted'), step(1, 'a>b'), step(2, 'a>b')], limits)).to.deep.equal([1]);
    expect(nextMoves([step(0, 'a>b', 'started', true), step(1, 'a>b'), step(2, 'a>c')], limits)).to.deep.equal([2]);
  });

  it('a batch is max(1, min(most, share of the keys))', () => {
    expect([10, 64, 1000, 1_000_000].map((keys) => batchSize({ most: 50, share: 0.01 }, keys))).to.deep.equal([
      1, 1, 10, 50,
    ]);
    expect(batchSize({ most: 8, share: 0.25 }, 64)).to.equal(8);
  });
});
