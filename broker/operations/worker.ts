import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../src/errors.js';
import type { BrokerDeps } from '../deps.js';
import { advance } from './advance.js';
import { type Claim, claimOperations, HEARTBEAT_MS, releaseClaim, renewClaim } from './claim.js';

export interface Worker {
  start(): void;
  /** Resolves when no step runs any more; what is unfinished goes on at the next start, here or elsewhere. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
/** Steps wait on the fleet and the database, not on this process. */
const AT_ONCE = 32;
const STEP_TIMEOUT_MS = 60_000;
const AFTER_FAULT_MS = 5_000;

/** Advances accepted operations until they are over. Any number of workers may run over one database. */
export function createOperationWorker(deps: BrokerDeps): Worker {
  const stopping = new AbortController();
  const steps = new Set<Promise<void>>();
  let running: Promise<void> | undefined;

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await claimAndStart();
      await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(ignoreAbort);
    }
    await Promise.all(steps);
  }

  async function claimAndStart(): Promise<void> {
    try {
      const free = AT_ONCE - steps.size;
      for (const claim of free > 0 ? await claimOperations(deps.dataSource, free) : []) {
        const running = step(deps, claim, stopping.signal).finally(() => steps.delete(running));
        steps.add(running);
      }
    } catch (error) {
      deps.logger.error({ reason: reasonOf(error) }, 'operations could not be claimed');
    }
  }

  return {
    start() {
      running ??= loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Takes one step and gives the operation back; never rejects. A claim that is not given back ends with its lease. */
async function step(deps: BrokerDeps, claim: Claim, stopping: AbortSignal): Promise<void> {
  const heartbeat = setInterval(() => {
    renewClaim(deps.dataSource, claim).catch((error) => {
      deps.logger.warn({ operation: claim.operationId, reason: reasonOf(error) }, 'lease not renewed');
    });
  }, HEARTBEAT_MS);
  try {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
    const description = await advance(deps, claim, signal);
    if (description !== undefined) await releaseClaim(deps.dataSource, claim, POLL_MS, description);
  } catch (error) {
    await giveBack(deps, claim, error);
  } finally {
    clearInterval(heartbeat);
  }
}

async function giveBack(deps: BrokerDeps, claim: Claim, error: unknown): Promise<void> {
  const { operationId, instanceId } = claim;
  const facts = { operation: operationId, instanceId, reason: reasonOf(error) };
  deps.logger.error(facts, 'operation step failed; it is tried again');
  try {
    await releaseClaim(deps.dataSource, claim, AFTER_FAULT_MS);
  } catch (unreleased) {
    deps.logger.error({ ...facts, reason: reasonOf(unreleased) }, 'claim not given back; it ends with its lease');
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
