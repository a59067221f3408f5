import type { Layer } from '../planner/model.js';

/** A target as the operator wrote it; name "*" stands for every name of the layer that has none of its own. */
export interface Target {
  readonly layer: Layer;
  readonly name: string;
  /** Fractions of the fleet's stake. */
  readonly max?: number;
  readonly min?: number;
  readonly inner?: number;
}

/** No move starts within. */
export interface FreezeWindow {
  readonly from: Date;
  readonly until: Date;
  readonly reason: string;
}

/** policies/diversity.yaml, read. */
export interface DiversityPolicy {
  /** `observe`: plans are shown only; `approve`: the operator approves each; `auto`: approved as made. */
  readonly mode: 'observe' | 'approve' | 'auto';
  readonly targets: readonly Target[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly budget: {
    readonly movesPerRun: number;
    /** Keys of a plan in unfinished moves at once. */
    readonly inFlight: number;
    readonly minDwellSeconds: number;
  };
  readonly canary: boolean;
  /** Keys per batch: max(1, min(most, share of the fleet's keys)). */
  readonly batch: { readonly most: number; readonly share: number };
  readonly freezeWindows: readonly FreezeWindow[];
  /** The network's shares as the operator pins them; risk needs them. */
  readonly network?: NetworkShares;
}

export interface NetworkShares {
  readonly source: string;
  readonly asOf: Date;
  readonly consensus: Readonly<Record<string, number>>;
  readonly execution: Readonly<Record<string, number>>;
}

/** clientdiversity.org's line, and Lido's execution-layer targets of 2025 (quarters 1 and 4). */
export const PRESETS = {
  'clientdiversity-33': [
    { layer: 'consensus', name: '*', max: 0.33 },
    { layer: 'execution', name: '*', max: 0.33 },
  ],
  'lido-el-2025-q1': [{ layer: 'execution', name: '*', max: 2 / 3 }],
  'lido-el-2025-q4': [{ layer: 'execution', name: '*', max: 0.55 }],
} as const satisfies Record<string, readonly Target[]>;

export type PresetName = keyof typeof PRESETS;

/** Inner targets lie 5 % below the cap: planning only to the cap itself would start again after every small change. */
export const INNER_OF_MAX = 0.95;
