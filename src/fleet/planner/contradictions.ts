import type { Limit } from './limits.js';
import { exposureTo, honours, keysPerCell, type PlannerInput } from './model.js';

/** Targets that cannot hold together whatever is moved, named before anything is solved. */
export function contradictions(input: PlannerInput, limits: readonly Limit[], total: number): string[] {
  if (total === 0) return [];
  return [
    ...capsTooLow(input, limits),
    ...floorsTooHigh(limits),
    ...perBound(input, limits, total),
    ...wishes(input, limits),
    ...room(input),
  ];
}

function capsTooLow(input: PlannerInput, limits: readonly Limit[]): string[] {
  return (['consensus', 'execution', 'pair'] as const).flatMap((layer) => {
    const names = new Set(
      input.cells.flatMap((cell) =>
        cell.exposure.map((part) => (layer === 'pair' ? `${part.consensus}/${part.execution}` : part[layer])),
      ),
    );
    let most = 0;
    for (const name of names) {
      most += limits.find(({ bound }) => bound.layer === layer && bound.name === name)?.bound.max ?? 1;
    }
    if (most >= 1 - 1e-9) return [];
    return [
      `the caps of the ${names.size} ${layer} implementations in the inventory add up to ${percent(most)}, less than all stake`,
    ];
  });
}

function floorsTooHigh(limits: readonly Limit[]): string[] {
  return (['consensus', 'execution', 'pair', 'region'] as const).flatMap((layer) => {
    const least = limits.reduce((sum, { bound }) => (bound.layer === layer ? sum + (bound.min ?? 0) : sum), 0);
    return least > 1 + 1e-9 ? [`the floors per ${layer} add up to ${percent(least)}, more than all stake`] : [];
  });
}

function perBound(input: PlannerInput, limits: readonly Limit[], total: number): string[] {
  return limits.flatMap(({ bound, lower }) => {
    if (!lower) return [];
    const label = `${bound.layer} ${bound.name}`;
    if (bound.max !== undefined && (bound.min ?? 0) > bound.max) return [`${label}: its floor is above its cap`];
    const cells = input.cells.filter((cell) => exposureTo(cell, bound) > 0);
    if (cells.length === 0)
      return [`${label}: no validator client in the inventory offers it, so its floor cannot be met`];
    const share = cells.reduce((sum, cell) => sum + cell.capacity, 0) / total;
    return share < (bound.min ?? 0) - 1e-9
      ? [`${label}: its validator clients have room for ${percent(share)} of the stake, less than its floor`]
      : [];
  });
}

/** Hard wishes that by themselves break a cap. */
function wishes(input: PlannerInput, limits: readonly Limit[]): string[] {
  return limits.flatMap(({ bound, upper }) => {
    if (!upper) return [];
    let wished = 0;
    for (const { wish, stake, counts, operator } of input.classes) {
      if (wish?.kind !== 'hard') continue;
      const homes = input.cells.filter((cell) => cell.operator === operator && honours(cell, wish));
      if (homes.length === 0 || !homes.every((cell) => exposureTo(cell, bound) > 1 - 1e-9)) continue;
      wished += stake * counts.reduce((sum, [, keys]) => sum + keys, 0);
    }
    return wished > upper.outer + 1e-6
      ? [`${bound.layer} ${bound.name}: hard wishes alone exceed its cap of ${percent(bound.max ?? 1)}`]
      : [];
  });
}

function room(input: PlannerInput): string[] {
  const held = keysPerCell(input).reduce((sum, keys) => sum + keys, 0);
  const most = input.cells.reduce((sum, cell) => sum + cell.capacity, 0);
  return held > most ? [`the validator clients have room for ${most} keys and hold ${held}`] : [];
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
