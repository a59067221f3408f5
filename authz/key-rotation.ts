import type { Job } from '../src/job.js';
import type { SigningKeys } from './signing-key.js';

const MAX_AGE_SECONDS = 90 * 86_400;

/** A signing key serves 90 days. Live RPTs outlast it: what it signed goes on being verified. */
export function keyRotationJob(keys: SigningKeys): Job {
  return {
    name: 'authz-key-rotation',
    schedule: '0 7 * * * *',
    run: () => keys.rotateOlderThan(MAX_AGE_SECONDS),
  };
}
