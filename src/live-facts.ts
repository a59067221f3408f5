import type { FactSource, Facts } from '../authz/index.js';

/** What the fleet knows that policies may ask about. */
export interface FleetFacts {
  /** Share of the fleet's stake, 0…1; undefined until known. */
  consensusShare(implementation: string): Promise<number | undefined>;
  executionShare(implementation: string): Promise<number | undefined>;
  /** What a party's stake stands for and what it has of it, in keys and instances; asking takes nothing. */
  standing(party: Holder): Promise<{
    readonly stakeGwei?: bigint;
    readonly stakeKeys?: number;
    readonly keysHeld: number;
    readonly validatorInstances: number;
  }>;
  /** Keys of all live instances of a plan. */
  keysOnPlan(plan: string): Promise<number>;
}

/** A party that has proved what stake may hang on: an account, or the BLS key of 0x00 withdrawal credentials. */
type Holder = Parameters<FactSource>[1];

const PARTS_PER_MILLION = 1_000_000;

/** Live attributes for policies/schema.cedarschema; what is not known is left out, and policies decide what that means. */
export function liveFacts(fleet: FleetFacts): FactSource {
  return async (resource, party) => ({
    resource: resource.type === 'plan' ? await planFacts(fleet, resource) : {},
    party:
      party.address === undefined && party.withdrawalCredentials === undefined ? {} : await partyFacts(fleet, party),
  });
}

/** A bundle counts as its largest member. */
async function planFacts(fleet: FleetFacts, { key, attributes }: { key: string; attributes: Facts }): Promise<Facts> {
  const { implementations, execution, incentive_keys: quota } = attributes;
  const named = Array.isArray(implementations) ? implementations.map(String) : [];
  const shares = await Promise.all(named.map((name) => fleet.consensusShare(name)));
  const executionShare = typeof execution === 'string' ? await fleet.executionShare(execution) : undefined;
  const known = shares.filter((share) => share !== undefined);
  return {
    ...(known.length > 0 && known.length === shares.length ? { share_ppm: partsPerMillion(Math.max(...known)) } : {}),
    ...(executionShare === undefined ? {} : { execution_share_ppm: partsPerMillion(executionShare) }),
    ...(typeof quota === 'number' ? { incentive_keys_left: Math.max(0, quota - (await fleet.keysOnPlan(key))) } : {}),
  };
}

async function partyFacts(fleet: FleetFacts, party: Holder): Promise<Facts> {
  const { stakeGwei, stakeKeys, keysHeld, validatorInstances } = await fleet.standing(party);
  return {
    ...(stakeGwei === undefined ? {} : { stake_gwei: safeInteger(stakeGwei) }),
    ...(stakeKeys === undefined ? {} : { stake_keys: stakeKeys }),
    keys_held: keysHeld,
    validator_instances: validatorInstances,
  };
}

/** Rounded up, so that a third is never reported as less. */
function partsPerMillion(share: number): number {
  return Math.ceil(share * PARTS_PER_MILLION);
}

/** Facts are safe integers; beyond 9 million ETH the largest one. */
function safeInteger(gwei: bigint): number {
  return gwei > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(gwei);
}
