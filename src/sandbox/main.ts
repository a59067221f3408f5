/**
 * The sandbox fleet's process. Settings come in the environment variable OVSB_SANDBOX_SETTINGS (JSON); it writes one line
 * of JSON to standard output when everything listens, and ends when its standard input ends: it never outlives its parent.
 */
import { reasonOf } from '../errors.js';
import { createLogger } from '../logger.js';
import { type FleetSettings, startFleet } from './fleet.js';

const settings = JSON.parse(process.env.OVSB_SANDBOX_SETTINGS ?? '{}') as FleetSettings & { readonly logLevel: string };
const logger = createLogger(settings.logLevel).child({ part: 'sandbox' });
/** After this the operating system closes what is left; the broker itself has ten seconds. */
const STOP_LIMIT_MS = 3_500;

let stop: (() => Promise<void>) | undefined;
let ending = false;

function end(): void {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  Promise.resolve(stop?.()).then(
    () => process.exit(0),
    (thrown) => {
      logger.error({ reason: reasonOf(thrown) }, 'sandbox did not stop cleanly');
      process.exit(1);
    },
  );
}

process.stdin.on('end', end).on('error', end).resume();
// A terminal's Ctrl-C reaches the whole group; the parent decides when the sandbox ends.
process.on('SIGINT', () => logger.debug('SIGINT left to the parent process'));
process.on('SIGTERM', end);
process.stdout.on('error', end);

try {
  const fleet = await startFleet(settings, logger);
  stop = () => fleet.stop();
  process.stdout.write(`${JSON.stringify(fleet.info)}\n`);
} catch (thrown) {
  logger.error({ reason: reasonOf(thrown) }, 'sandbox failed to start');
  process.exit(1);
}
