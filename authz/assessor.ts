import type { EntityManager } from 'typeorm';
import type { Clock } from '../src/clock.js';
import { nowSeconds } from '../src/clock.js';
import type { Asker } from './asker.js';
import type { FactSource, Facts } from './contract.js';
import type { Assessment, AssessRequest, DecisionLog, DecisionRecord, PolicyEngine } from './policy/types.js';
import type { Resource } from './protection/resource.js';

export interface Occasion {
  readonly occasion: DecisionRecord['occasion'];
  readonly context?: Facts;
  readonly manager?: EntityManager;
}

interface Asked {
  readonly request: AssessRequest;
  readonly answer: Assessment;
  /** Of the policies that answered. */
  readonly policySet: string;
}

/** What the owner approved. */
interface Given {
  /** Names the approval request and who approved it. */
  readonly reason: string;
  readonly policies: readonly string[];
}

/** Asks the policies with live facts, and records every answer. */
export class Assessor {
  constructor(
    private readonly policy: PolicyEngine,
    private readonly facts: FactSource,
    private readonly decisions: DecisionLog,
    private readonly clock: Clock,
    private readonly operatorId: string,
  ) {}

  /** Hash of the policies that rule this resource owner's resources. */
  policySet(owner: string): string {
    return this.policy.hash(owner);
  }

  /** The hashes of owners other than that of everybody else's, by client_id. */
  ownPolicySets(): ReadonlyMap<string, string> {
    return this.policy.ownHashes();
  }

  /** One answer per scope, in the order of `scopes`. Live facts are read once. */
  async assess(asker: Asker, resource: Resource, scopes: readonly string[], occasion: Occasion): Promise<Assessment[]> {
    const asked = await this.#ask(asker, resource, scopes, occasion.context ?? {});
    for (const one of asked) await this.#record(one, resource, occasion);
    return asked.map(({ answer }) => answer);
  }

  /** What `assess` would answer now, to tell people what is needed. Decides nothing, so nothing is recorded. */
  async preview(asker: Asker, resource: Resource, scopes: readonly string[]): Promise<Assessment[]> {
    return (await this.#ask(asker, resource, scopes, {})).map(({ answer }) => answer);
  }

  /** A permit that policies left to the owner and the owner gave. Without the question: policies alone would not give it. */
  async recordApproval(
    asker: Asker,
    resource: Resource,
    scope: string,
    given: Given,
    occasion: Occasion,
  ): Promise<void> {
    const foreign = resource.owner !== this.operatorId;
    await this.decisions.record(
      {
        atMs: this.clock.nowMs(),
        occasion: occasion.occasion,
        party: asker.party,
        clientId: asker.clientId,
        ...(foreign && { owner: resource.owner }),
        resource: { id: resource.id, type: resource.type, key: resource.key },
        scopes: [scope],
        outcome: 'permit',
        reason: given.reason,
        policies: given.policies,
        claimNames: Object.keys(asker.claims),
        policySet: this.policySet(resource.owner),
      },
      occasion.manager,
    );
  }

  async #ask(asker: Asker, resource: Resource, scopes: readonly string[], context: Facts): Promise<Asked[]> {
    const foreign = resource.owner !== this.operatorId;
    const who = { party: asker.party, ...(asker.address !== undefined && { address: asker.address }) };
    const { withdrawalCredentials } = asker;
    const holder = { ...who, ...(withdrawalCredentials !== undefined && { withdrawalCredentials }) };
    const live = foreign ? { resource: {}, party: {} } : await this.facts(resource, holder);
    return scopes.map((scope) => {
      const request: AssessRequest = {
        ...(foreign && { owner: resource.owner }),
        ...(foreign && this.policy.hash(resource.owner) !== this.policy.hash() && { ownPolicies: true as const }),
        principal: { ...who, kind: asker.kind, attributes: live.party },
        clientId: asker.clientId,
        scope,
        resource: { type: resource.type, key: resource.key, attributes: { ...resource.attributes, ...live.resource } },
        claims: asker.claims,
        context,
        nowSeconds: nowSeconds(this.clock),
      };
      return { request, answer: this.policy.assess(request), policySet: this.policy.hash(resource.owner) };
    });
  }

  async #record({ request, answer, policySet }: Asked, resource: Resource, occasion: Occasion): Promise<void> {
    await this.decisions.record(
      {
        atMs: this.clock.nowMs(),
        occasion: occasion.occasion,
        party: request.principal.party,
        clientId: request.clientId,
        ...(request.owner !== undefined && { owner: request.owner }),
        resource: { id: resource.id, type: resource.type, key: resource.key },
        scopes: [request.scope],
        outcome: answer.outcome,
        reason: answer.reason,
        policies: answer.policies,
        claimNames: Object.keys(request.claims),
        policySet,
        request,
      },
      occasion.manager,
    );
  }
}
