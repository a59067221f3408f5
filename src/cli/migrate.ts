import { Command } from 'commander';
import { createDataSource } from '../../ormconfig.js';
import { migrate } from '../database/open-database.js';
import { probeDatabase } from '../database/probe-database.js';
import { type ConfigurationOptions, configurationOf, configurationOptions } from './configuration.js';
import { print } from './print.js';
import { withDatabase } from './with-database.js';

/** `ovsb migrate`: what `serve` does at its start, by itself. */
export function migrateCommand(): Command {
  return configurationOptions(new Command('migrate'))
    .description('run the database migrations that are missing')
    .action(async (options: ConfigurationOptions) => {
      const names = await withDatabase(configurationOf(options), async (connection) => {
        await probeDatabase(connection);
        const dataSource = await createDataSource(connection).initialize();
        try {
          return await migrate(connection, dataSource);
        } finally {
          await dataSource.destroy();
        }
      });
      print(
        options.json,
        { migrations: names },
        names.length === 0 ? ['nothing to migrate'] : names.map((name) => `ran ${name}`),
      );
    });
}
