import { expect } from 'chai';
import { expiryJob } from '../../authz/expiry.js';
import { systemClock } from '../../src/clock.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

describe('expiry of authorization rows', () => {
  let database: TestDatabase;

  before(async () => {
    database = await testDatabase();
  });
  after(() => database.drop());

  it('one run takes every expired ticket, however many challenges there were, and no live one', async () => {
    const { dataSource } = database;
    const insert = (count: number, expires: string) =>
      dataSource.query(
        `INSERT INTO permission_ticket (digest, owner, permissions, created_at, expires_at)
         SELECT sha256(($2 || n)::bytea), 'operator', '[]', now(), now() + $2::interval FROM generate_series(1, $1) n`,
        [count, expires],
      );
    await insert(25_000, '-1 minute');
    await insert(10, '1 minute');
    await expiryJob(dataSource, systemClock).run(new AbortController().signal);
    const [{ count }] = await dataSource.query('SELECT count(*)::int AS count FROM permission_ticket');
    expect(count).to.equal(10);
  });
});
