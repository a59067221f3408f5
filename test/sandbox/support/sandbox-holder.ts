/** A process that starts the sandbox as the broker does and then only holds it, so that a test can kill it. */
import { createLogger } from '../../../src/logger.js';
import { startSandbox } from '../../../src/sandbox/start.js';

const [dataDir = '', slotMs = '1000'] = process.argv.slice(2);
const logger = createLogger('warn');
const { ended, stop, ...info } = await startSandbox({ dataDir, slotMs: Number(slotMs), chainId: 31337, logger });
process.stdout.write(`${JSON.stringify(info)}\n`);
process.stdin.resume();
