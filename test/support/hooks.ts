import { stopTestDatabases } from './database.js';

/** Mocha's root hooks (.mocharc.json `require`): what is shared by all tests ends after the last. */
export const mochaHooks = {
  async afterAll() {
    await stopTestDatabases();
  },
};
