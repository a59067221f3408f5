import { createLogger } from '../../src/logger.js';

/** For parts that want a logger in tests that do not look at it. */
export const quietLogger = createLogger('silent');
