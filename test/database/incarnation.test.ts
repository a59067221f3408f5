import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { brokenContinuity, type Incarnation, lsnBytes } from '../../src/database/incarnation.js';
import { watchIncarnation } from '../../src/database/watch-incarnation.js';
import { temporaryFolder, testDatabase } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';

const SEEN: Incarnation = { systemIdentifier: '7', timeline: 1, lsn: 100n, ticks: 5n, confirmations: 0n };

describe('A1 incarnation', () => {
  const rows: [string, Partial<Incarnation>, RegExp | undefined][] = [
    ['the same', {}, undefined],
    ['further on', { lsn: 200n, ticks: 6n }, undefined],
    ['another cluster', { systemIdentifier: '8', lsn: 900n, ticks: 9n }, /another database cluster/],
    ['a promoted standby', { timeline: 2, lsn: 900n, ticks: 9n }, /timeline 1 to 2/],
    ['a shorter log', { lsn: 99n }, /log ends before/],
    ['older contents in a longer log', { lsn: 900n, ticks: 4n }, /contents are older/],
    ['confirmed since', { systemIdentifier: '8', confirmations: 1n, lsn: 1n, ticks: 1n }, undefined],
  ];
  for (const [name, change, expected] of rows) {
    it(`${name}: ${expected ? 'sealed' : 'continues'}`, () => {
      const found = brokenContinuity(SEEN, { ...SEEN, ...change });
      if (expected) expect(found).to.match(expected);
      else expect(found).to.equal(undefined);
    });
  }

  it('reads log positions as numbers', () => expect(lsnBytes('16/B374D848')).to.equal(0x16b374d848n));

  it('seals when contents go back, stays sealed over a restart, and opens by confirmation', async () => {
    const { dataSource, drop } = await testDatabase();
    const folder = temporaryFolder('incarnation');
    const watch = await watchIncarnation(dataSource, folder, quietLogger);
    await watch.look();
    await watch.look();
    expect(watch.sealed()).to.equal(undefined);
    await watch.close();

    await dataSource.query('UPDATE database_incarnation SET ticks = 1');
    const restored = await watchIncarnation(dataSource, folder, quietLogger);
    expect(restored.sealed()).to.match(/older/);
    await restored.close();

    const other = temporaryFolder('incarnation');
    const replica = await watchIncarnation(dataSource, other, quietLogger);
    expect(replica.sealed()).to.match(/older/);
    await replica.confirm();
    expect(replica.sealed()).to.equal(undefined);
    const again = await watchIncarnation(dataSource, folder, quietLogger);
    expect(again.sealed()).to.equal(undefined);
    await Promise.all([replica.close(), again.close()]);
    await drop();
    for (const used of [folder, other]) rmSync(used, { recursive: true });
  });

  it('seals when the database is new and this data directory has known another', async () => {
    const folder = temporaryFolder('incarnation');
    for (const expected of [undefined, 'string'] as const) {
      const { dataSource, drop } = await testDatabase();
      const watch = await watchIncarnation(dataSource, folder, quietLogger);
      await watch.look();
      expect(typeof watch.sealed()).to.equal(expected ?? 'undefined');
      await watch.close();
      await drop();
    }
    rmSync(folder, { recursive: true });
  });
});
