import type { DocumentText } from '../documents/watched-document.js';
import { Faults, readYaml, type YamlDocument } from '../documents/yaml-document.js';
import { type DiversityPolicy, INNER_OF_MAX, PRESETS, type Target } from './targets.js';
import { type DiversityDocument, type FractionText, type TargetDocument, validateDiversity } from './targets-schema.js';

/** @throws DomainError `DocumentRefused` with every fault and its file:line:column. */
export function loadTargets({ path, text }: DocumentText): DiversityPolicy {
  const faults = new Faults();
  const document = readYaml(path, text, validateDiversity, faults);
  if (document) checkTargets(document, faults);
  faults.raise();
  if (!document) throw new Error('unreachable: a refused document raises');
  return policyOf(document.value);
}

function policyOf(document: DiversityDocument): DiversityPolicy {
  const own = (document.targets ?? []).map(targetOf);
  const preset = (document.presets ?? []).flatMap((name): readonly Target[] => PRESETS[name]);
  const { budget, batch, network } = document;
  return {
    mode: document.mode ?? 'approve',
    targets: [...preset.filter((target) => !own.some((other) => sameName(target, other))).map(withInner), ...own],
    groups: document.groups ?? {},
    budget: {
      movesPerRun: budget?.moves_per_run ?? 1000,
      inFlight: budget?.in_flight ?? 50,
      minDwellSeconds: budget?.min_dwell_seconds ?? 86_400,
    },
    canary: document.canary ?? true,
    batch: { most: batch?.most ?? 50, share: fraction(batch?.share ?? 0.01) },
    freezeWindows: (document.freeze_windows ?? []).map(({ from, until, reason }) => ({
      from: new Date(from),
      until: new Date(until),
      reason,
    })),
    ...(network && {
      network: {
        source: network.source,
        asOf: new Date(network.as_of),
        consensus: shares(network.consensus),
        execution: shares(network.execution),
      },
    }),
  };
}

/** A target as it counts: fractions as numbers, the inner target filled in. */
export function targetOf({ layer, name, max, min, inner }: TargetDocument): Target {
  return withInner({
    layer,
    name,
    ...(max !== undefined && { max: fraction(max) }),
    ...(min !== undefined && { min: fraction(min) }),
    ...(inner !== undefined && { inner: fraction(inner) }),
  });
}

function withInner(target: Target): Target {
  return target.max === undefined || target.inner !== undefined
    ? target
    : { ...target, inner: INNER_OF_MAX * target.max };
}

function sameName(a: Target, b: Target): boolean {
  return a.layer === b.layer && a.name === b.name;
}

function shares(found: Record<string, FractionText> | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(found ?? {}).map(([name, share]) => [name, fraction(share)]));
}

/** 0.33, "1/3" or "33 %" as a number. */
function fraction(text: FractionText): number {
  if (typeof text === 'number') return text;
  const [over, under] = text.split('/');
  return under === undefined ? Number.parseFloat(text) / 100 : Number(over) / Number(under);
}

/** What one target can be wrong in by itself; `add` gets the field. */
export function targetFaults(
  target: TargetDocument,
  groups: readonly string[],
  add: (field: string, message: string) => void,
): void {
  const { max, min, inner } = targetOf(target);
  if (max === undefined && min === undefined) add('name', 'a target needs max or min');
  for (const [field, share] of [
    ['max', max],
    ['min', min],
    ['inner', inner],
  ] as const) {
    if (share !== undefined && share > 1) add(field, `${field} is a fraction of the stake, at most 1`);
  }
  if (max !== undefined && min !== undefined && min > max) add('min', 'min is above max');
  if (inner !== undefined && max !== undefined && inner > max) add('inner', 'inner is above max');
  if (inner !== undefined && max === undefined) add('inner', 'inner belongs to max');
  if (target.layer === 'pair' && target.name !== '*' && !target.name.includes('/'))
    add('name', 'a pair is written consensus/execution');
  if (target.layer === 'group' && target.name !== '*' && !groups.includes(target.name))
    add('name', `there is no group named ${target.name}`);
}

function checkTargets({ value, at }: YamlDocument<DiversityDocument>, faults: Faults): void {
  const groups = Object.keys(value.groups ?? {});
  const seen = new Set<string>();
  value.targets?.forEach((target, i) => {
    targetFaults(target, groups, (field, message) => faults.add(at(['targets', i, field]), message));
    const id = `${target.layer} ${target.name}`;
    if (seen.has(id)) faults.add(at(['targets', i, 'name']), `there is another target for ${id}`);
    seen.add(id);
  });
  value.freeze_windows?.forEach(({ from, until }, i) => {
    if (!(Date.parse(from) < Date.parse(until)))
      faults.add(at(['freeze_windows', i, 'until']), 'until is not after from');
  });
}
