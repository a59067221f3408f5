/** What the commands read of the Fleet API's answers (product.md, Fleet API). */
export interface PlanBody {
  readonly id: string;
  readonly state: string;
  readonly what_if: boolean;
  readonly certificate: {
    readonly value: number;
    readonly bound: number;
    readonly gap: number;
    readonly integral: boolean;
    readonly violation: { readonly value: number };
  };
  readonly moves: readonly {
    readonly public_key: string;
    readonly from: string;
    readonly to: string;
    readonly reason: string;
  }[];
  readonly unmet: readonly {
    readonly layer: string;
    readonly name: string;
    readonly share: number;
    readonly limit: number;
    readonly reason: string;
  }[];
  readonly contradictions: readonly string[];
}

export interface MoveBody {
  readonly id: string;
  readonly public_key: string;
  readonly from: string;
  readonly to: string;
  readonly state: string;
  readonly reason: string;
  readonly updated_at: string;
}

export interface ShareBody {
  readonly name: string;
  readonly share: number;
  readonly keys: number;
}

export interface DiversityBody {
  readonly as_of: string;
  readonly keys: number;
  readonly mode: string;
  readonly paused: { readonly reason: string } | null;
  readonly shares: Readonly<Record<'consensus' | 'execution' | 'pair', readonly ShareBody[]>>;
  readonly violations: readonly {
    readonly layer: string;
    readonly name: string;
    readonly share: number;
    readonly limit: number;
  }[];
  readonly risk: {
    readonly precision: string;
    readonly largest: Readonly<
      Record<string, { readonly layer: string; readonly name: string; readonly eth: number } | null>
    >;
    readonly effective_clients: Readonly<Record<string, { readonly inverse_hhi: number }>>;
  };
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** First and last digits: enough to recognise a key in a table. */
export function shortKey(publicKey: string): string {
  return `${publicKey.slice(0, 10)}…${publicKey.slice(-4)}`;
}
