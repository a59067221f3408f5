import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createNotifier } from '../../src/database/notifier.js';
import { probeDatabase } from '../../src/database/probe-database.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';

describe('the notifier', () => {
  let database: TestDatabase;
  before(async () => {
    database = await testDatabase();
  });
  after(() => database.drop());

  async function until(condition: () => boolean): Promise<void> {
    for (let waited = 0; !condition() && waited < 10_000; waited += 20) await sleep(20);
    expect(condition()).to.equal(true);
  }

  it('delivers to another connection, and inside a transaction only at its commit', async () => {
    const [sender, receiver] = [
      await createNotifier(database.connection, quietLogger),
      await createNotifier(database.connection, quietLogger),
    ];
    const heard: (string | undefined)[] = [];
    const unsubscribe = await receiver.subscribe('news', (payload) => heard.push(payload));
    await database.dataSource.transaction(async (manager) => {
      await sender.publish('news', 'later', manager);
      await sender.publish('news', 'now');
      await until(() => heard.length === 1);
    });
    await until(() => heard.length === 2);
    expect(heard).to.deep.equal(['now', 'later']);
    unsubscribe();
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('comes back after its connection was cut, and says that something may have been missed', async () => {
    const notifier = await createNotifier(database.connection, quietLogger);
    const heard: (string | undefined)[] = [];
    await notifier.subscribe('cut', (payload) => heard.push(payload));
    await database.dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ 'LISTEN "cut"|SELECT 1'`,
    );
    await until(() => heard.includes(undefined));
    await notifier.publish('cut', 'again');
    await until(() => heard.includes('again'));
    await notifier.close();
  });

  it('C7: a real PostgreSQL passes the probe', () => probeDatabase(database.connection));
});
