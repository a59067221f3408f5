import { LRUCache } from 'lru-cache';
import { reasonOf } from '../../src/errors.js';
import { statefulIsAuthorized } from './cedar.js';
import type { PolicySet } from './load.js';
import { momentsAt } from './moments.js';
import { described, needsOwnerApproval, type Policy } from './policy.js';
import { Preparsed } from './preparsed.js';
import { type Question, questionOf, sliceKeyOf } from './question.js';
import { missingClaims } from './required-claims.js';
import { Slices } from './slice.js';
import type { Assessment, AssessRequest } from './types.js';

/** Parties ask the same again: with each new RPT, at each poll. */
const MAX_REMEMBERED = 10_000;
const MAX_REMEMBERED_CHARACTERS = 4_096;

/** Decides with one policy set. Synchronous and not shared between threads. */
export class Decider {
  readonly #preparsed: Preparsed;
  readonly #slices: Slices;
  /**
   * INVARIANT: an assessment is a function of the set and of the question, of whose moment only what some policy reads counts;
   * both are the key, and the memory is the set's own.
   */
  readonly #remembered = new LRUCache<string, Assessment>({ max: MAX_REMEMBERED });

  /** `preparsed` is handed on from set to set, so that Cedar's ids are used again. Throws when the set cannot be prepared. */
  constructor(
    readonly set: PolicySet,
    preparsed: Preparsed = new Preparsed(),
  ) {
    preparsed.use(set);
    this.#preparsed = preparsed;
    this.#slices = new Slices(set.policies, set.schema.actionGroups);
  }

  /** Fails closed: whatever goes wrong is a denial that says what went wrong. */
  assess(request: AssessRequest): Assessment {
    try {
      const key = this.#keyOf(request);
      const known = this.#remembered.get(key);
      if (known !== undefined) return known;
      const assessment = this.#assess(request, questionOf(request, this.set.schema));
      if (key.length <= MAX_REMEMBERED_CHARACTERS) this.#remembered.set(key, assessment);
      return assessment;
    } catch (thrown) {
      return denied(`the policies could not be asked: ${reasonOf(thrown)}`, []);
    }
  }

  /** The policies whose scope matches the question, in the order of files and lines. */
  candidates(question: Question): readonly Policy[] {
    return this.#slices.of(question.slice).map((index) => this.set.policies[index] as Policy);
  }

  #keyOf({ nowSeconds, ...request }: AssessRequest): string {
    const moments = momentsAt(nowSeconds);
    const read = this.#slices.momentsRead(sliceKeyOf({ ...request, nowSeconds }, this.set.schema));
    return JSON.stringify([request, ...[...read].map((moment) => moments[moment])]);
  }

  #assess(request: AssessRequest, question: Question): Assessment {
    const slice = this.#slices.of(question.slice);
    const answer = statefulIsAuthorized({
      principal: question.principal,
      action: question.action,
      resource: question.resource,
      context: question.context,
      entities: question.entities,
      preparsedSchemaName: this.#preparsed.schemaName,
      validateRequest: true,
      preparsedPolicySetId: this.#preparsed.slot(this.set, slice),
    });
    if (answer.type === 'failure') {
      return denied(
        `the request does not fit the schema: ${answer.errors.map((error) => error.message).join('; ')}`,
        [],
      );
    }
    const { decision, diagnostics } = answer.response;
    const policies = slice.map((index) => this.set.policies[index] as Policy);
    const broken = policies.find(
      (policy) => policy.effect === 'forbid' && diagnostics.errors.some((error) => error.policyId === policy.key),
    );
    if (broken !== undefined) return denied(`${described(broken)} (it failed, so it forbids)`, [broken]);
    const determining = new Set(diagnostics.reason);
    const deciding = policies.filter((policy) => determining.has(policy.key));
    return decision === 'allow' ? allowed(deciding) : this.#refused(request, question, deciding, determining);
  }

  #refused(
    request: AssessRequest,
    question: Question,
    forbids: readonly Policy[],
    satisfied: ReadonlySet<string>,
  ): Assessment {
    const { principalId: _, ...anyPrincipal } = question.slice;
    const proven = request.principal.kind !== 'party' || request.principal.address !== undefined;
    const candidates = this.#slices
      .of(proven ? question.slice : anyPrincipal)
      .map((index) => this.set.policies[index] as Policy);
    const missing = missingClaims(request, question, candidates, this.set.schema, satisfied);
    if (missing !== undefined) {
      const names = missing.required.map((claim) => claim.friendly_name).join(' and ');
      return {
        outcome: 'need_info',
        reason: `${names} could permit ${request.scope} on ${request.resource.type} ${request.resource.key}`,
        policies: forbids.map((policy) => policy.key),
        requiredClaims: missing.required,
        alternatives: missing.alternatives,
      };
    }
    if (forbids.length > 0) return denied(forbids.map(described).join('; '), forbids);
    return denied(`no policy permits ${request.scope} on ${request.resource.type} ${request.resource.key}`, []);
  }
}

function allowed(deciding: readonly Policy[]): Assessment {
  const plain = deciding.filter((policy) => !needsOwnerApproval(policy));
  const telling = plain.length > 0 ? plain : deciding;
  return {
    outcome: plain.length > 0 ? 'permit' : 'owner_approval',
    reason: telling.map(described).join('; '),
    policies: telling.map((policy) => policy.key),
  };
}

export function denied(reason: string, policies: readonly Policy[]): Assessment {
  return { outcome: 'deny', reason, policies: policies.map((policy) => policy.key) };
}
