import { reasonOf } from '../../src/errors.js';
import type { BrokerDeps } from '../deps.js';
import { advance } from './advance.js';
import { type Claim, claimOperations, releaseClaim } from './claim.js';

export interface Worker {
  start(): void;
  /** Resolves when no step runs any more; what is unfinished goes on at the next start, here or elsewhere. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
/** Steps wait on the fleet and the database, not on this process. */
const AT_ONCE = 32;
const AFTER_FAULT_MS = 5_000;

/** Advances accepted operations until they are over. Any number of workers may run over one database. */
export function createOperationWorker(deps: BrokerDeps): Worker {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await tick(deps, stopping.signal);
      } catch (error) {
        deps.logger.error({ reason: reasonOf(error) }, 'operations could not be claimed');
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (stopping.signal.aborted) wake();
      });
    }
  }

  return {
    start() {
      running ??= loop();
    },
    async stop() {
      stopping.abort();
      wake?.();
      await running;
    },
  };
}

/** One round: claims what is due and takes a step in each. */
export async function tick(deps: BrokerDeps, signal: AbortSignal): Promise<void> {
  const claims = await claimOperations(deps.dataSource, AT_ONCE);
  await Promise.all(claims.map((claim) => step(deps, claim, signal)));
}

async function step(deps: BrokerDeps, claim: Claim, signal: AbortSignal): Promise<void> {
  try {
    const description = await advance(deps, claim, signal);
    if (description !== undefined) await releaseClaim(deps.dataSource, claim, POLL_MS, description);
  } catch (error) {
    deps.logger.error(
      { operation: claim.operationId, instanceId: claim.instanceId, reason: reasonOf(error) },
      'operation step failed; it is tried again',
    );
    await releaseClaim(deps.dataSource, claim, AFTER_FAULT_MS);
  }
}
