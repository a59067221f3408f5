import { compileSchema } from '../../validate.js';
import { PRESETS, type PresetName } from './targets.js';

export const LAYERS = ['consensus', 'execution', 'pair', 'group', 'region', 'fault_domain'] as const;

/** A fraction as a number, "1/3" or "55 %". */
export type FractionText = number | string;

export interface TargetDocument {
  layer: (typeof LAYERS)[number];
  name: string;
  max?: FractionText;
  min?: FractionText;
  inner?: FractionText;
}

export interface DiversityDocument {
  mode?: 'observe' | 'approve' | 'auto';
  presets?: PresetName[];
  targets?: TargetDocument[];
  groups?: Record<string, string[]>;
  budget?: { moves_per_run?: number; in_flight?: number; min_dwell_seconds?: number };
  canary?: boolean;
  batch?: { most?: number; share?: FractionText };
  freeze_windows?: { from: string; until: string; reason: string }[];
  network?: {
    source: string;
    as_of: string;
    consensus?: Record<string, FractionText>;
    execution?: Record<string, FractionText>;
  };
}

const FRACTION = {
  anyOf: [
    { type: 'number', minimum: 0, maximum: 1 },
    { type: 'string', pattern: '^(\\d{1,6}/[1-9]\\d{0,5}|\\d{1,3}(\\.\\d+)? ?%)$' },
  ],
};
const NAME = { type: 'string', pattern: '^(\\*|[A-Za-z0-9][A-Za-z0-9._/-]{0,62})$' };
const WHEN = { type: 'string', format: 'date-time' };

export const TARGET_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['layer', 'name'],
  properties: { layer: { enum: LAYERS }, name: NAME, max: FRACTION, min: FRACTION, inner: FRACTION },
};

const SHARES = { type: 'object', maxProperties: 100, additionalProperties: FRACTION };

/** policies/diversity.yaml. */
export const validateDiversity = compileSchema<DiversityDocument>({
  type: 'object',
  additionalProperties: false,
  properties: {
    mode: { enum: ['observe', 'approve', 'auto'] },
    presets: { type: 'array', uniqueItems: true, items: { enum: Object.keys(PRESETS) } },
    targets: { type: 'array', maxItems: 1000, items: TARGET_SCHEMA },
    groups: {
      type: 'object',
      maxProperties: 100,
      additionalProperties: { type: 'array', minItems: 1, maxItems: 100, items: { type: 'string', maxLength: 64 } },
    },
    budget: {
      type: 'object',
      additionalProperties: false,
      properties: {
        moves_per_run: { type: 'integer', minimum: 0, maximum: 1_000_000 },
        in_flight: { type: 'integer', minimum: 1, maximum: 1000 },
        min_dwell_seconds: { type: 'integer', minimum: 0, maximum: 31_536_000 },
      },
    },
    canary: { type: 'boolean' },
    batch: {
      type: 'object',
      additionalProperties: false,
      properties: { most: { type: 'integer', minimum: 1, maximum: 50 }, share: FRACTION },
    },
    freeze_windows: {
      type: 'array',
      maxItems: 1000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['from', 'until', 'reason'],
        properties: { from: WHEN, until: WHEN, reason: { type: 'string', minLength: 1, maxLength: 255 } },
      },
    },
    network: {
      type: 'object',
      additionalProperties: false,
      required: ['source', 'as_of'],
      properties: {
        source: { type: 'string', minLength: 1, maxLength: 255 },
        as_of: { type: 'string', anyOf: [{ format: 'date-time' }, { format: 'date' }] },
        consensus: SHARES,
        execution: SHARES,
      },
    },
  },
});
