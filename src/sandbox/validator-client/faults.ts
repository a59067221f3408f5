import { join } from 'node:path';
import { compileSchema } from '../../validate.js';
import { readJson, writeDurably } from '../files.js';

/** The lies a sandbox validator client can be told to tell (product.md, Sandbox only). Zero or false: honest. */
export interface Faults {
  /** The next n deletions answer `deleted` and change nothing: the key stays listed and signing. */
  readonly delete_lies: number;
  /** Keys deleted while this is on come back at each restart. */
  readonly resurrect_on_restart: boolean;
  /** Deleting a key that was here before answers `not_found` instead of `not_active`. */
  readonly not_found_after_delete: boolean;
  /** An import answers `duplicate`, takes the key, and drops the slashing protection that came with it. */
  readonly duplicate_without_protection: boolean;
  /** The next n imports or deletions take effect and then answer 500. */
  readonly answer_5xx_after_effect: number;
  /** An import takes effect this many milliseconds after it arrived, even if the caller has gone. */
  readonly delay_post_ms: number;
  /** The Keymanager API cuts every connection while the client goes on signing. */
  readonly partition: boolean;
}

const NO_FAULTS: Faults = {
  delete_lies: 0,
  resurrect_on_restart: false,
  not_found_after_delete: false,
  duplicate_without_protection: false,
  answer_5xx_after_effect: 0,
  delay_post_ms: 0,
  partition: false,
};

const count = { type: 'integer', minimum: 0, maximum: 1_000_000 };
const flag = { type: 'boolean' };

export const isFaults = compileSchema<Partial<Faults>>({
  type: 'object',
  additionalProperties: false,
  properties: {
    delete_lies: count,
    resurrect_on_restart: flag,
    not_found_after_delete: flag,
    duplicate_without_protection: flag,
    answer_5xx_after_effect: count,
    delay_post_ms: { ...count, maximum: 600_000 },
    partition: flag,
  },
});

/** The faults in force, kept over restarts so that a restart does not heal a liar. */
export class FaultSet {
  private faults: Faults;
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'faults.json');
    this.faults = { ...NO_FAULTS, ...readJson<Partial<Faults>>(this.path) };
  }

  current(): Faults {
    return this.faults;
  }

  replace(faults: Partial<Faults>): void {
    this.faults = { ...NO_FAULTS, ...faults };
    this.save();
  }

  /** Takes one from a counted fault; false when none was left. */
  take(fault: 'delete_lies' | 'answer_5xx_after_effect'): boolean {
    if (this.faults[fault] === 0) return false;
    this.faults = { ...this.faults, [fault]: this.faults[fault] - 1 };
    this.save();
    return true;
  }

  private save(): void {
    writeDurably(this.path, JSON.stringify(this.faults));
  }
}
