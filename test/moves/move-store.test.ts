import { expect } from 'chai';
import { createMoveStore } from '../../src/fleet/moves/move-store.js';
import { Fenced, NoRoom, type Store } from '../../src/fleet/moves/ports.js';
import { firstRight } from '../../src/fleet/moves/rights.js';
import { startMove } from '../../src/fleet/moves/start-move.js';
import { createLedger } from '../../src/keys/slashing-protection/ledger.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const key = (number: number) => `0x${number.toString(16).padStart(96, '0')}`;
const LEASE_MS = 300;

/** What PostgreSQL promises the mover; the model's store is held to the same. */
describe('move rows', () => {
  let database: TestDatabase;
  let store: Store;
  let last = 0;

  before(async () => {
    database = await testDatabase();
    store = createMoveStore(database.dataSource, createLedger(database.dataSource));
  });
  after(() => database.drop());
  beforeEach(() => database.dataSource.query(`DELETE FROM move`));

  async function begun(): Promise<string> {
    last += 1;
    const publicKey = key(last);
    await database.dataSource.transaction(async (manager) => {
      await firstRight(publicKey, 'a', manager);
      await startMove({ publicKey, from: 'a', to: 'b', reason: 'test' }, manager);
    });
    return publicKey;
  }

  const refused = (task: Promise<unknown>) =>
    task.then(
      () => 'done',
      (thrown: unknown) => thrown,
    );

  it('one unfinished move per key; only from the holder', async () => {
    const publicKey = await begun();
    const { dataSource } = database;
    const again = (from: string) =>
      refused(dataSource.transaction((manager) => startMove({ publicKey, from, to: 'c', reason: 'x' }, manager)));
    expect(await again('a')).to.include({ code: 'MoveUnfinished' });
    expect(await again('z')).to.include({ code: 'NotHolder' });
  });

  it('one claim at a time; after the lease another has it and the first is fenced, its evidence and right with it', async () => {
    const publicKey = await begun();
    const [first] = await store.claim(5, LEASE_MS);
    expect(await store.claim(5, LEASE_MS)).to.deep.equal([]);
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 50));
    if (!first) throw new Error('no claim');
    const change = {
      state: 'confirming',
      progress: first.progress,
      right: { from: 'a', to: undefined },
      evidence: [{ kind: 'delete', detail: {} }],
    } as const;
    expect(await refused(store.commit(first, change)), 'lease over').to.be.instanceOf(Fenced);
    const [second] = await store.claim(5, 60_000);
    if (!second) throw new Error('no second claim');
    expect(second.fence > first.fence).to.equal(true);
    expect(await refused(store.commit(first, change)), 'older fence').to.be.instanceOf(Fenced);
    expect(await database.dataSource.query('SELECT FROM evidence WHERE public_key = $1', [publicKey])).to.have.length(
      0,
    );
    await store.commit(second, change);
    const [right] = await database.dataSource.query(
      'SELECT holder_name, generation FROM signing_right WHERE public_key = $1',
      [publicKey],
    );
    expect(right).to.deep.equal({ holder_name: null, generation: '2' });
    expect(await refused(store.commit(second, change)), 'the right is no longer a’s').to.be.instanceOf(Fenced);
  });

  it('two movers never claim the same row', async () => {
    await Promise.all(Array.from({ length: 10 }, begun));
    const claims = await Promise.all(Array.from({ length: 4 }, () => store.claim(5, 60_000)));
    const ids = claims.flat().map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids).to.have.length(10);
  });

  it('keeps new moves in preflight at the cap and while paused', async () => {
    await Promise.all([begun(), begun()]);
    const [one, two] = await store.claim(5, 60_000);
    if (!one || !two) throw new Error('no claims');
    const leave = (cap: number) =>
      ({ state: 'draining', progress: one.progress, evidence: [], flightCap: cap }) as const;
    const both = await Promise.all([refused(store.commit(one, leave(1))), refused(store.commit(two, leave(1)))]);
    expect(both.filter((outcome) => outcome instanceof NoRoom)).to.have.length(1);
    await database.dataSource.query(`INSERT INTO mover_pause (reason) VALUES ('test')`);
    expect(await refused(store.commit(both[0] instanceof NoRoom ? one : two, leave(9)))).to.be.instanceOf(NoRoom);
    await database.dataSource.query('DELETE FROM mover_pause');
  });
});
