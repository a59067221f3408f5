/**
 * The fleet as the operator lists it (product.md, Inventory), read from YAML. A validator client is a process that holds
 * or uses keys; its exposure is that of the beacon nodes it follows and of the execution nodes behind them.
 */
export interface Site {
  readonly name: string;
  readonly region: string;
  readonly faultDomain?: string;
}

export interface ExecutionNode {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  readonly wsUri?: string;
  readonly site: string;
}

export interface BeaconNode {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  readonly executionNode: string;
  readonly site: string;
  readonly repoint?: Hook;
}

/** How a process is restarted or repointed; argv without a shell. */
export type Hook =
  | { readonly http: string }
  | { readonly command: readonly string[] }
  | { readonly kubernetes: { readonly namespace: string; readonly workload: string } };

export interface ValidatorClient {
  readonly name: string;
  readonly implementation: string;
  readonly keymanagerUri: string;
  readonly tokenFile: string;
  readonly beaconNodes: readonly string[];
  readonly site: string;
  /** Keys it may hold. */
  readonly capacity: number;
  readonly signer: 'local' | 'remote';
  readonly restart?: Hook;
  readonly repoint?: Hook;
}

export interface Inventory {
  readonly sites: readonly Site[];
  readonly executionNodes: readonly ExecutionNode[];
  readonly beaconNodes: readonly BeaconNode[];
  readonly validatorClients: readonly ValidatorClient[];
  readonly operators: readonly { readonly name: string }[];
}

/** The inventory in force; it changes only by hot reload, so read it anew each time. */
export type InventorySource = () => Inventory;
