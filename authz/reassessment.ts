import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../src/logger.js';
import { askerOf } from './asker.js';
import type { Assessor } from './assessor.js';
import { invalidGrant } from './errors.js';
import type { Grants, LiveGrant } from './grants.js';
import type { Resources } from './protection/resources.js';

const BATCH = 100;
const STAND_ASIDE_MS = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Asks the policies again about what was granted under older ones, and ends what would now be denied (security.md B4). */
export class Reassessment {
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly operatorId: string,
    private readonly assessor: Assessor,
    private readonly grants: Grants,
    private readonly resources: Resources,
    private readonly standAside: () => string | undefined,
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

  /** @throws invalid_grant, and ends the grant, when newer policies no longer permit it. */
  async confirm(grant: LiveGrant): Promise<void> {
    if (grant.policySet === this.assessor.policySet() || (await this.#stands(grant))) return;
    await this.grants.revoke(grant.id);
    throw invalidGrant('the policies have changed and no longer permit this grant');
  }

  /** Resolves when no run is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #all(): Promise<void> {
    // A replica with other documents than those in force would end what these permit.
    while (this.standAside() !== undefined && !this.#closed) await sleep(STAND_ASIDE_MS);
    const policySet = this.assessor.policySet();
    let after = FIRST_ID;
    let ended = 0;
    while (!this.#closed) {
      const batch = await this.grants.decidedElsewhere(policySet, after, BATCH);
      if (batch.length === 0) break;
      for (const grant of batch) if (!(await this.#keepOrEnd(grant, policySet))) ended += 1;
      after = batch.at(-1)?.id ?? after;
    }
    if (ended > 0) this.logger.info({ ended, policySet }, 'policy change ended grants');
  }

  async #keepOrEnd(grant: LiveGrant, policySet: string): Promise<boolean> {
    const stands = await this.#stands(grant);
    if (stands) await this.grants.stillPermitted(grant.id, policySet);
    else await this.grants.revoke(grant.id);
    return stands;
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
