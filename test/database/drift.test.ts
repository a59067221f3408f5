import { expect } from 'chai';
import { testDatabase } from '../support/database.js';

describe('the migrations', () => {
  it('make the schema the entities describe: the schema builder finds nothing to change', async () => {
    const { dataSource, drop } = await testDatabase();
    const changes = await dataSource.driver.createSchemaBuilder().log();
    // CHECKs are written by hand in the migrations; TypeORM only knows their names, and only when an entity repeats them.
    const checks: { name: string }[] = await dataSource.query(
      "SELECT conname AS name FROM pg_constraint WHERE contype = 'c'",
    );
    const dropsCheck = (query: string) => checks.some(({ name }) => query.endsWith(`DROP CONSTRAINT "${name}"`));
    expect(changes.upQueries.map(({ query }) => query).filter((query) => !dropsCheck(query))).to.deep.equal([]);
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
