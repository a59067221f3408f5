import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../src/logger.js';
import { askerOf } from './asker.js';
import type { Assessor } from './assessor.js';
import { stands } from './authorization-assessment.js';
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
  #queued = false;
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

  policySet(owner: string): string {
    return this.assessor.policySet(owner);
  }

  /** Re-assesses live grants of older policies in the background, one run after another; one that has not begun serves all. */
  start(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#running = this.#running
      .then(() => {
        this.#queued = false;
        return this.#all();
      })
      .catch((fault: unknown) => {
        this.logger.error({ err: fault }, 'grants could not be re-assessed after a policy change');
      });
  }

  /** For what was decided under `policySet` and has only now been written: a run that began meanwhile may have missed it. */
  startUnless(policySet: string, owner: string): void {
    if (policySet !== this.policySet(owner)) this.start();
  }

  /**
   * @throws invalid_grant, and ends the grant, when newer policies no longer permit it; temporarily_unavailable while that may
   * be for want of facts.
   */
  async confirm(grant: LiveGrant): Promise<void> {
    const ready = this.factsReady();
    if (grant.policySet === this.policySet(grant.owner) || (await this.#stands(grant))) return;
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
    let after = FIRST_ID;
    let ended = 0;
    let unsure = 0;
    while (!this.#closed) {
      const batch = await this.grants.decidedElsewhere(
        { common: this.policySet(this.operatorId), own: this.assessor.ownPolicySets() },
        after,
        BATCH,
      );
      if (batch.length === 0) break;
      for (const grant of batch) {
        const outcome = await this.#keepOrEnd(grant);
        if (outcome === 'ended') ended += 1;
        if (outcome === 'unsure') unsure += 1;
      }
      after = batch.at(-1)?.id ?? after;
    }
    if (ended > 0) this.logger.info({ ended }, 'policy change ended grants');
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
  async #keepOrEnd(grant: LiveGrant): Promise<'kept' | 'ended' | 'unsure'> {
    const policySet = this.policySet(grant.owner);
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
      if (!stands(answers, { resourceId, scopes }, grant.approved)) return false;
    }
    return true;
  }
}
