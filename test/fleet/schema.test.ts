import { expect } from 'chai';
import { testDatabase } from '../support/database.js';

const TABLES = /"(node_state|validator_stake|rebalancing_plan|planned_move|wish|instance_allocation|sandbox_stake)"/;

describe('F database', () => {
  it('the migration makes what the entities say', async () => {
    const { dataSource, drop } = await testDatabase();
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map((query) => query.query).filter((query) => TABLES.test(query))).to.deep.equal([]);
    await drop();
  });
});
