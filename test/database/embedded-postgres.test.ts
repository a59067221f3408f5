import { expect } from 'chai';
import { testDatabase } from '../support/database.js';

describe('the test database', () => {
  it('gives each test a database of its own', async () => {
    const [first, second] = await Promise.all([testDatabase(), testDatabase()]);
    await first.dataSource.query('CREATE TABLE only_here (id int)');
    const found = await second.dataSource.query("SELECT to_regclass('only_here') AS name");
    expect(found).to.deep.equal([{ name: null }]);
    await Promise.all([first.drop(), second.drop()]);
  });
});
