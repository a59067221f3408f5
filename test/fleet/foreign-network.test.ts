import { expect } from 'chai';
import { provenStake } from '../../src/fleet/index.js';
import { withoutRefused } from '../../src/fleet/inventory/without-refused.js';
import type { Inventory } from '../../src/fleet/inventory.js';
import { type TestFleet, testFleet } from './fleet-support.js';

const ROOT = `0x${'0a'.repeat(32)}`;

describe('C1: nodes of another genesis root or chain', () => {
  let test: TestFleet;
  beforeEach(async () => {
    const network = { chainId: 31_337, genesisValidatorsRoot: ROOT };
    test = await testFleet({ network, stake: provenStake() });
  });
  afterEach(() => test.close());

  const states = async () => {
    const rows: { kind: string; name: string; state: string; detail: string }[] = await test.database.dataSource.query(
      'SELECT kind, name, state, detail FROM node_state',
    );
    return new Map(rows.map(({ kind, name, state, detail }) => [`${kind} ${name}`, { state, detail }]));
  };
  const provide = (consensus: string, execution: string) =>
    test.database.dataSource
      .transaction((manager) =>
        test.fleet.provisioning.request(
          {
            instanceId: `${consensus}-${execution}`,
            party: 'platform:p',
            subjectKind: 'platform',
            members: [{ consensus, execution }],
            keys: 1,
            wish: 'soft',
          },
          manager,
        ),
      )
      .then(
        () => 'granted',
        (thrown: { code?: string }) => thrown.code,
      );

  it('are refused by the look, which says so, and used for nothing', async () => {
    test.nodes.foreign.add('el/nethermind').add('bn/nimbus-geth');
    await test.run('look');
    const found = await states();
    expect(found.get('execution_node nethermind')).to.deep.equal({
      state: 'refused',
      detail: 'another network: its chain id is 1',
    });
    expect(found.get('beacon_node nimbus-geth')).to.deep.equal({
      state: 'refused',
      detail: `another network: its genesis root is 0x${'ff'.repeat(32)}`,
    });
    expect(found.get('execution_node geth')?.state).to.equal('up');
    expect(found.get('beacon_node teku-geth')?.state).to.equal('up');
    expect(await provide('nimbus', 'geth'), 'its beacon node is foreign').to.equal('NoCapacity');
    expect(await provide('teku', 'nethermind'), 'its execution node is foreign').to.equal('NoCapacity');
    expect(await provide('teku', 'geth')).to.equal('granted');
    expect(test.fleet.provisioning.executionNodes().map(({ name }) => name)).to.deep.equal(['geth']);
    expect((await test.fleet.upstreams({})).map(({ name }) => name)).to.deep.equal(['geth']);
  });

  it('reach no watermark: the mover’s witnesses are the other beacon nodes', async () => {
    const nodes = () => [{ name: 'nimbus-geth' }, { name: 'teku-geth' }];
    const source = () => ({ beaconNodes: nodes() }) as unknown as Inventory;
    const seen = () => withoutRefused(source, test.fleet.refusedBeaconNodes)().beaconNodes.map(({ name }) => name);
    expect(seen()).to.deep.equal(['nimbus-geth', 'teku-geth']);
    test.nodes.foreign.add('bn/nimbus-geth');
    await test.run('look');
    expect(seen()).to.deep.equal(['teku-geth']);
  });

  it('stay refused while they do not answer', async () => {
    test.nodes.foreign.add('bn/nimbus-geth');
    await test.run('look');
    test.nodes.down.add('bn/nimbus-geth');
    await test.run('look');
    expect([...test.fleet.refusedBeaconNodes()]).to.deep.equal(['nimbus-geth']);
    test.nodes.down.clear();
    test.nodes.foreign.clear();
    await test.run('look');
    expect([...test.fleet.refusedBeaconNodes()]).to.deep.equal([]);
  });

  it('are used again once they are of ours', async () => {
    test.nodes.foreign.add('el/nethermind');
    await test.run('look');
    test.nodes.foreign.clear();
    await test.run('look');
    expect((await states()).get('execution_node nethermind')?.state).to.equal('up');
    expect(await provide('teku', 'nethermind')).to.equal('granted');
  });
});
