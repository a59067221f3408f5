import type { NetworkShares } from '../targets/targets.js';
import { lossFraction, SECONDS_PER_EPOCH } from './leak.js';
import type { Share, Shares } from './shares.js';

const HORIZONS = { '6h': 6, '24h': 24, '7d': 168 } as const;
type Horizon = keyof typeof HORIZONS;

/** Serious incidents per client and year, from the incidents of 2020–2025; a prior, not a measurement. */
const INCIDENTS_PER_CLIENT_YEAR = 0.18;

export interface ClientRisk {
  readonly layer: 'consensus' | 'execution';
  readonly name: string;
  readonly share: number;
  /** The implementation's share of the network; absent when nobody pinned one: it then counts as below a third. */
  readonly network_share?: number;
  /** Distance of the network share to a third and two thirds; negative: beyond. */
  readonly to_third?: number;
  readonly to_two_thirds?: number;
  /** ETH this fleet loses when a bug in it takes that long to be fixed. */
  readonly '6h': number;
  readonly '24h': number;
  readonly '7d': number;
}

export interface Risk {
  /** These are model figures. */
  readonly precision: '≈, ± 2×';
  readonly unit: 'ETH';
  /** The headline: the worst single bug. */
  readonly largest: Readonly<
    Record<Horizon, { readonly layer: string; readonly name: string; readonly eth: number } | null>
  >;
  readonly clients: readonly ClientRisk[];
  readonly expected_yearly_loss: {
    readonly eth: number;
    readonly incidents_per_client_year: number;
    readonly hours_per_incident: 24;
  };
  readonly effective_clients: Readonly<
    Record<'consensus' | 'execution', { readonly inverse_hhi: number; readonly exp_shannon: number }>
  >;
  /** Fewest implementations that together hold more. */
  readonly fewest_over: Readonly<
    Record<'consensus' | 'execution', { readonly third: number; readonly two_thirds: number }>
  >;
}

/** Severity comes from the network's share, exposure from the fleet's own. */
export function riskOf(shares: Shares, network: NetworkShares | undefined): Risk {
  const fleetEth = Number(shares.stakeGwei) / 1e9;
  const clients = (['consensus', 'execution'] as const).flatMap((layer) =>
    shares[layer]
      .filter(({ share }) => share > 0)
      .map((share) => clientRisk(layer, share, network?.[layer][share.name], fleetEth)),
  );
  const worst = (horizon: Horizon) => {
    const [first] = [...clients].sort((a, b) => b[horizon] - a[horizon]);
    return first ? { layer: first.layer, name: first.name, eth: first[horizon] } : null;
  };
  const yearly = clients.reduce((sum, client) => sum + INCIDENTS_PER_CLIENT_YEAR * client['24h'], 0);
  return {
    precision: '≈, ± 2×',
    unit: 'ETH',
    largest: { '6h': worst('6h'), '24h': worst('24h'), '7d': worst('7d') },
    clients,
    expected_yearly_loss: {
      eth: digits(yearly),
      incidents_per_client_year: INCIDENTS_PER_CLIENT_YEAR,
      hours_per_incident: 24,
    },
    effective_clients: { consensus: effective(shares.consensus), execution: effective(shares.execution) },
    fewest_over: { consensus: fewest(shares.consensus), execution: fewest(shares.execution) },
  };
}

function clientRisk(
  layer: 'consensus' | 'execution',
  own: Share,
  network: number | undefined,
  fleetEth: number,
): ClientRisk {
  const loss = (horizon: Horizon) => {
    const epochs = Math.round((HORIZONS[horizon] * 3600) / SECONDS_PER_EPOCH);
    return digits(own.share * fleetEth * lossFraction(network ?? 0, epochs));
  };
  return {
    layer,
    name: own.name,
    share: own.share,
    ...(network !== undefined && {
      network_share: network,
      to_third: digits(1 / 3 - network),
      to_two_thirds: digits(2 / 3 - network),
    }),
    '6h': loss('6h'),
    '24h': loss('24h'),
    '7d': loss('7d'),
  };
}

function effective(shares: readonly Share[]): { inverse_hhi: number; exp_shannon: number } {
  const held = shares.filter(({ share }) => share > 0);
  const hhi = held.reduce((sum, { share }) => sum + share * share, 0);
  const entropy = held.reduce((sum, { share }) => sum - share * Math.log(share), 0);
  return {
    inverse_hhi: hhi === 0 ? 0 : digits(1 / hhi),
    exp_shannon: held.length === 0 ? 0 : digits(Math.exp(entropy)),
  };
}

/** `shares` come largest first. */
function fewest(shares: readonly Share[]): { third: number; two_thirds: number } {
  const over = (line: number) => {
    let sum = 0;
    return (
      shares.findIndex(({ share }) => {
        sum += share;
        return sum > line;
      }) + 1
    );
  };
  return { third: over(1 / 3), two_thirds: over(2 / 3) };
}

function digits(value: number): number {
  return Number(value.toPrecision(4));
}
