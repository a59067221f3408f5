import type { PolicyJson } from './cedar.js';

const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_DAY = 86_400;
/** 1970-01-01 was a Thursday: ISO weekday 4. */
const EPOCH_WEEKDAY = 4;

/** The moment of a decision as policies see it, all in UTC. */
export interface Moments {
  /** Seconds since 1970. */
  readonly now: number;
  /** 0 to 23. */
  readonly hour: number;
  /** ISO: 1 (Monday) to 7. */
  readonly weekday: number;
}

export type Moment = keyof Moments;
const MOMENTS: readonly Moment[] = ['now', 'hour', 'weekday'];

export function momentsAt(nowSeconds: number): Moments {
  return {
    now: nowSeconds,
    hour: Math.floor((nowSeconds % SECONDS_PER_DAY) / SECONDS_PER_HOUR),
    weekday: ((Math.floor(nowSeconds / SECONDS_PER_DAY) + EPOCH_WEEKDAY - 1) % 7) + 1,
  };
}

/** What of the moment a policy reads: all of it where it takes the context as a whole. */
export function momentsRead(ast: PolicyJson): ReadonlySet<Moment> {
  const read = new Set<Moment>();
  const pending: unknown[] = ast.conditions.map(({ body }) => body);
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    const access = ('.' in node ? node['.'] : 'has' in node ? node.has : undefined) as Access | undefined;
    if (access?.left.Var === 'context') {
      for (const name of MOMENTS) if (access.attr === name) read.add(name);
    } else if ('Var' in node && node.Var === 'context') return new Set(MOMENTS);
    else pending.push(...Object.values(node));
  }
  return read;
}

interface Access {
  readonly left: { readonly Var?: string };
  readonly attr: string;
}
