import { preparsePolicySet, preparseSchema } from './cedar.js';
import type { PolicySet } from './load.js';

/** Cedar never evicts a preparsed set, so ids are few and used again. */
const MAX_PREPARSED = 2_048;
let engines = 0;

/** Cedar's preparsed sets for one engine, of any of its policy sets: one per distinct slice, least recently used replaced. */
export class Preparsed {
  readonly #prefix = `ovsb-${++engines}`;
  readonly #slots = new Map<string, string>();
  /** Policy sets come and go; a number is never used again. */
  readonly #numbers = new WeakMap<PolicySet, number>();
  #sets = 0;
  #schema: string | undefined;
  readonly schemaName = `${this.#prefix}-schema`;

  /** Makes `set` one to preparse from. Throws and changes nothing when its schema cannot be prepared. */
  use(set: PolicySet): void {
    if (set.schema.text !== this.#schema) {
      const answer = preparseSchema(this.schemaName, set.schema.text);
      if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
      this.#schema = set.schema.text;
    }
    this.#numbers.set(set, ++this.#sets);
  }

  /** The id of the preparsed set that holds exactly these policies of `set`. */
  slot(set: PolicySet, indexes: readonly number[]): string {
    const content = `${this.#numbers.get(set)}:${indexes.join(',')}`;
    const known = this.#slots.get(content);
    const id = known ?? this.#parse(set, indexes);
    this.#slots.delete(content);
    this.#slots.set(content, id);
    return id;
  }

  #parse(set: PolicySet, indexes: readonly number[]): string {
    const id = this.#freeId();
    const staticPolicies = Object.fromEntries(
      indexes.map((index) => {
        const policy = set.policies[index];
        if (policy === undefined) throw new Error(`no policy ${index} in the set`);
        return [policy.key, policy.ast];
      }),
    );
    const answer = preparsePolicySet(id, { staticPolicies });
    if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
    return id;
  }

  #freeId(): string {
    if (this.#slots.size < MAX_PREPARSED) return `${this.#prefix}-slice-${this.#slots.size}`;
    const [oldest] = this.#slots as Iterable<[string, string]>;
    if (oldest === undefined) throw new Error('no preparsed set to replace');
    this.#slots.delete(oldest[0]);
    return oldest[1];
  }
}
