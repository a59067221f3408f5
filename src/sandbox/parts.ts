/** What the sandbox consists of: names, implementations, places, and which key begins where. */
const CONSENSUS = ['lighthouse', 'prysm', 'teku', 'nimbus', 'lodestar', 'grandine'] as const;
/** Execution implementations with validator clients behind them; every one of `EXECUTION` has a node. */
const PAIRED_EXECUTION = ['geth', 'nethermind'] as const;
const EXECUTION = ['geth', 'nethermind', 'besu', 'erigon', 'reth'] as const;

export const SITES = [
  { name: 'sandbox-frankfurt', region: 'eu-central', fault_domain: 'de-1' },
  { name: 'sandbox-helsinki', region: 'eu-north', fault_domain: 'fi-1' },
] as const;

/** Keys at the first start by pair: 36 of 64 on Lighthouse, 50 on Geth. Everything else is below a third. */
const FIRST_KEYS: Readonly<Record<string, number>> = {
  'lighthouse/geth': 33,
  'lighthouse/nethermind': 3,
  'prysm/geth': 7,
  'prysm/nethermind': 3,
  'teku/geth': 4,
  'teku/nethermind': 2,
  'nimbus/geth': 2,
  'nimbus/nethermind': 2,
  'lodestar/geth': 2,
  'lodestar/nethermind': 2,
  'grandine/geth': 2,
  'grandine/nethermind': 2,
};

const CAPACITY = 64;

export interface ExecutionPart {
  readonly name: string;
  readonly implementation: string;
  readonly site: string;
}

export interface ValidatorPart {
  /** `nimbus-geth-1`; its beacon node is `beacon-nimbus-geth-1`. */
  readonly name: string;
  readonly implementation: string;
  readonly beaconNode: string;
  readonly executionNode: string;
  readonly site: string;
  readonly capacity: number;
  /** Genesis keys it begins with: from, to (exclusive). */
  readonly firstKeys: readonly [number, number];
}

export function executionParts(): ExecutionPart[] {
  return EXECUTION.map((implementation) => ({
    name: `execution-${implementation}-1`,
    implementation,
    site: siteOf(implementation),
  }));
}

export function validatorParts(): ValidatorPart[] {
  let taken = 0;
  return CONSENSUS.flatMap((implementation) =>
    PAIRED_EXECUTION.map((execution): ValidatorPart => {
      const name = `${implementation}-${execution}-1`;
      const from = taken;
      taken += FIRST_KEYS[`${implementation}/${execution}`] ?? 0;
      return {
        name,
        implementation,
        beaconNode: `beacon-${name}`,
        executionNode: `execution-${execution}-1`,
        site: siteOf(execution),
        capacity: CAPACITY,
        firstKeys: [from, taken],
      };
    }),
  );
}

function siteOf(execution: string): string {
  return execution === 'geth' || execution === 'erigon' ? SITES[0].name : SITES[1].name;
}
