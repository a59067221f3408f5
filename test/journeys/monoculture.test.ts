import { expect } from 'chai';
import { BrokerProcess } from '../support/broker-process.js';
import { Operator } from '../support/operator.js';
import { signaturesOf, slashablePairs } from '../support/sandbox-view.js';
import { until } from '../support/until.js';

interface Plan {
  readonly id: string;
  readonly moves: readonly {
    readonly public_key: string;
    readonly from: string;
    readonly to: string;
    readonly reason: string;
  }[];
}

describe('journey: the monoculture is planned, approved and fixed', function () {
  this.timeout(480_000);
  let broker: BrokerProcess;
  let operator: Operator;

  before(async () => {
    broker = await BrokerProcess.create();
    await broker.start();
    operator = new Operator(broker);
  });
  after(() => broker.dispose());

  it('caps hold, zero slashable pairs, every moved key signs at its new home, planning again gives no moves', async () => {
    const before = await operator.call('GET', '/fleet/diversity');
    expect(before.status, JSON.stringify(before.body)).to.equal(200);
    expect(before.body.violations).to.not.deep.equal([]);

    const planned = await operator.call('POST', '/fleet/plans', {});
    expect(planned.status, JSON.stringify(planned.body)).to.be.oneOf([200, 201]);
    const plan = planned.body as unknown as Plan;
    expect(plan.moves).to.not.be.empty;
    for (const move of plan.moves) expect(move.reason).to.be.a('string').and.not.equal('');
    const approved = await operator.call('POST', `/fleet/plans/${plan.id}/approve`);
    expect(approved.status, JSON.stringify(approved.body)).to.be.oneOf([200, 202]);

    await until('the plan', 420_000, async () => {
      const placed = await operator.call('GET', '/fleet/moves?state=placed');
      const held = await operator.call('GET', '/fleet/moves?state=hold');
      expect(held.body.moves, JSON.stringify(held.body)).to.deep.equal([]);
      return (placed.body.moves as unknown[]).length >= plan.moves.length ? true : undefined;
    });

    const after = await operator.call('GET', '/fleet/diversity');
    expect(after.body.violations).to.deep.equal([]);
    for (const move of plan.moves) {
      await until(`a signature of ${move.public_key} at ${move.to}`, 30_000, async () => {
        const seen = await signaturesOf(broker.baseUrl, move.public_key);
        return seen.at(-1)?.validator_client === move.to ? true : undefined;
      });
    }
    expect(await slashablePairs(broker.baseUrl)).to.deep.equal([]);
    const again = await operator.call('POST', '/fleet/plans', {});
    expect((again.body as unknown as Plan).moves).to.deep.equal([]);
  });
});
