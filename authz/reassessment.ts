import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../src/logger.js';
import { askerOf } from './asker.js';
import type { Assessor } from './assessor.js';
import { invalidGrant, temporarilyUnavailable } from './errors.js';
import type { Grants, LiveGrant } from './grants.js';
import type { Resources } from './protection/resources.js';

const BATCH = 100;
const STAND_ASIDE_MS = 500;
const LOOK_AGAIN_MS = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Asks the policies again about what was granted under older ones, and ends what would now be denied (security.md B4). */
export class Reassessment {
  #running: Promise<void> = Promise.resolve();
  #closed = false;
  #again: NodeJS.Timeout | undefined;

  constructor(
    private readonly operatorId: string,
    private readonly assessor: Assessor,
    private readonly grants: Grants,
    private readonly resources: Resources,
    private readonly standAside: () => string | undefined,
    private readonly factsReady: () => boolean,
    private readonly logger: Logger,
  ) {}

  policySet(): string {
    return this.assessor.policySet();
  }

  /** Re-assesses every live grant in the background, one run after another. */
  start(): void {
    this.#running = this.#running
      .then(() => this.#all())
      .catch((fault: unknown) => {
        this.logger.error({ err: fault }, 'grants could not be re-assessed after a policy change');
      });
  }

  /** For what was decided under `policySet` and has only now been written: a run that began meanwhile may have missed it. */
  startUnless(policySet: string): void {
    if (policySet !== this.policySet()) this.start();
  }

  /**
   * @throws invalid_grant, and ends the grant, when newer policies no longer permit it; temporarily_unavailable while that may
   * be for want of facts.
   */
  async confirm(grant: LiveGrant): Promise<void> {
    const ready = this.factsReady();
    if (grant.policySet === this.assessor.policySet() || (await this.#stands(grant))) return;
    if (!ready) throw temporarilyUnavailable('the policies have changed, and what they ask for is not known yet');
    await this.grants.revoke(grant.id);
    throw invalidGrant('the policies have changed and no longer permit this grant');
  }

  /** Resolves when no run is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#again);
    await this.#running;
  }

  async #all(): Promise<void> {
    // A replica with other documents than those in force would end what these permit.
    while (this.standAside() !== undefined && !this.#closed) await sleep(STAND_ASIDE_MS);
    const policySet = this.assessor.policySet();
    let after = FIRST_ID;
    let ended = 0;
    let unsure = 0;
    while (!this.#closed) {
      const batch = await this.grants.decidedElsewhere(policySet, after, BATCH);
      if (batch.length === 0) break;
      for (const grant of batch) {
        const outcome = await this.#keepOrEnd(grant, policySet);
        if (outcome === 'ended') ended += 1;
        if (outcome === 'unsure') unsure += 1;
      }
      after = batch.at(-1)?.id ?? after;
    }
    if (ended > 0) this.logger.info({ ended, policySet }, 'policy change ended grants');
    if (unsure > 0) this.#startWhenReady();
  }

  #startWhenReady(): void {
    if (this.#closed) return;
    this.#again ??= setInterval(() => {
      if (!this.factsReady()) return;
      clearInterval(this.#again);
      this.#again = undefined;
      this.start();
    }, LOOK_AGAIN_MS).unref();
  }

  /** `unsure`: it would be ended, but facts were still unknown; it stays as it is until they are. */
  async #keepOrEnd(grant: LiveGrant, policySet: string): Promise<'kept' | 'ended' | 'unsure'> {
    const ready = this.factsReady();
    if (await this.#stands(grant)) {
      await this.grants.stillPermitted(grant.id, policySet);
      return 'kept';
    }
    if (!ready) return 'unsure';
    await this.grants.revoke(grant.id);
    return 'ended';
  }

  async #stands(grant: LiveGrant): Promise<boolean> {
    const asker = askerOf({ operatorId: this.operatorId }, grant.clientId, grant.gathered);
    const resources = await this.resources.byIds(grant.permissions.map(({ resourceId }) => resourceId));
    for (const { resourceId, scopes } of grant.permissions) {
      const resource = resources.get(resourceId);
      if (resource === undefined) continue;
      const answers = await this.assessor.assess(asker, resource, scopes, { occasion: 'reassessment' });
      const stands = answers.every(
        ({ outcome }) => outcome === 'permit' || (outcome === 'owner_approval' && grant.approved),
      );
      if (!stands) return false;
    }
    return true;
  }
}
