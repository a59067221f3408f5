import type { MoveState } from '../contract.js';
import type { Step } from '../ports.js';
import { cleanUp } from './clean-up.js';
import { confirm } from './confirm.js';
import { drain } from './drain.js';
import { importThere } from './import.js';
import { preflight } from './preflight.js';
import { prepare } from './prepare.js';
import { restart } from './restart.js';
import { verify } from './verify.js';
import { waitQuiet } from './wait-quiet.js';

/** What each state does (keys.md, "Moving a key by the Keymanager API"); the final ones do nothing. */
export const steps: Record<Exclude<MoveState, 'placed' | 'aborted'>, Step> = {
  preflight,
  draining: drain,
  confirming: confirm,
  restarted: restart,
  quiet: waitQuiet,
  ready: prepare,
  importing: importThere,
  verify,
  hold: cleanUp,
};
