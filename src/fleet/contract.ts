/** What the fleet promises: the types of its door (index.ts). */
import type { EntityManager } from 'typeorm';

export interface Pair {
  readonly consensus: string;
  readonly execution: string;
}

export interface Wish {
  readonly instanceId: string;
  /** Requesting party (authz `Subject.party`); `address` when a wallet proved itself, the 0x00 credentials when their key did. */
  readonly party: string;
  readonly address?: string;
  readonly withdrawalCredentials?: string;
  /** A platform or the operator may take any pool key; a party only what its stake stands for. */
  readonly subjectKind: 'operator' | 'platform' | 'party';
  /** Key of the catalog's plan, under which keys are counted against its incentive quota. */
  readonly plan?: string;
  /** One for a validator plan, several for a bundle (keys spread evenly). */
  readonly members: readonly Pair[];
  readonly keys: number;
  /** Named keys; must be under the party's control. */
  readonly publicKeys?: readonly string[];
  readonly region?: string;
  readonly wish: 'soft' | 'hard';
  readonly feeRecipient?: string;
  readonly gasLimit?: string;
  readonly graffiti?: string;
}

export interface WishProgress {
  readonly state: 'in progress' | 'succeeded' | 'failed';
  /** Never empty; a staker can read it: "1 of 1 keys live on nimbus/geth" / "waiting: …" / "refused: …". */
  readonly description: string;
  readonly status: 'honoured' | 'waiting' | 'refused';
  readonly publicKeys: readonly string[];
}

export interface ValidatorEndpoint {
  readonly publicKeys: readonly string[];
  readonly implementation: string;
  readonly beaconApiUri: string;
  readonly keymanagerUri?: string;
  /** The execution node behind the (first) key: what an rpc instance with validator_instance_id follows. */
  readonly executionNode: { readonly name: string; readonly uri: string; readonly wsUri?: string };
}

/** Whose stake is asked for: the party and what it has proved of itself. */
export interface StakeHolder {
  readonly party: string;
  /** Lower-case 0x. */
  readonly address?: string;
  /** 0x00 withdrawal credentials (lower-case 0x, 32 bytes) whose BLS key signed. */
  readonly withdrawalCredentials?: string;
}

/** The stake a party represents, in gwei, as the server found it; 32 ETH stand for a key. */
export interface StakeSource {
  /** What it stands for at an allocation. Called in its transaction: no outside call in it. */
  gweiOf(holder: StakeHolder, manager: EntityManager): Promise<bigint>;
  /** What `gweiOf` would answer now; takes nothing, and may ask outside. Undefined when a part of it cannot be known now. */
  peek(holder: StakeHolder, manager: EntityManager): Promise<bigint | undefined>;
}

export interface FleetProvisioning {
  /**
   * Allocates keys to the instance and starts their moves, all in the caller's transaction, all or none.
   * @throws DomainError `StakeExceeded`, `KeyNotControlled`, `NoCapacity`, `NoKeys`, `UnknownImplementation`.
   */
  request(wish: Wish, manager: EntityManager): Promise<void>;
  /** Changes members or settings of an existing wish (OSB PATCH); same errors. */
  change(wish: Wish, manager: EntityManager): Promise<void>;
  /** Succeeded when every key is live on a validator client of the asked pair. Also starts what waited for a free slot. */
  progress(instanceId: string): Promise<WishProgress>;
  /** Ends the wish and frees the allocation; changes no key's place; a move not past preflight is aborted. */
  end(instanceId: string, manager: EntityManager): Promise<void>;
  endpoint(instanceId: string): Promise<ValidatorEndpoint | undefined>;
  /** Share of the fleet's stake on a consensus implementation, 0…1; undefined until first known. */
  consensusShare(implementation: string): Promise<number | undefined>;
  /** Execution nodes for pool RPC endpoints, in order of preference. */
  executionNodes(): readonly {
    readonly name: string;
    readonly implementation: string;
    readonly uri: string;
    readonly wsUri?: string;
  }[];
}
