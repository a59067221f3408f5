import { expect } from 'chai';
import { testDatabase } from '../support/database.js';

describe('the migrations', () => {
  it('make the schema the entities describe: the schema builder finds nothing to change', async () => {
    const { dataSource, drop } = await testDatabase();
    const changes = await dataSource.driver.createSchemaBuilder().log();
    expect(changes.upQueries.map(({ query }) => query)).to.deep.equal([]);
    await drop();
  });

  it('can be undone to nothing and run again', async () => {
    const { dataSource, drop } = await testDatabase();
    const ran = dataSource.migrations.length;
    for (let count = 0; count < ran; count++) await dataSource.undoLastMigration();
    expect(await dataSource.runMigrations()).to.have.lengthOf(ran);
    await drop();
  });
});
