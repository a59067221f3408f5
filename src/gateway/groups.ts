import type { RpcGroup } from './endpoint.js';

/** What the gateway does with a permitted method. */
export type Treatment =
  /** A read: may be asked again elsewhere when an upstream fails. */
  | 'read'
  /** The network's chain id never changes: answered here. */
  | 'chain-id'
  /** Same answer for everybody at this moment: identical calls in flight share one. */
  | 'shared-read'
  /** eth_sendRawTransaction: never repeated blindly. */
  | 'send'
  | 'filter-new'
  | 'filter-use'
  | 'filter-end'
  | 'subscribe'
  | 'unsubscribe'
  | 'discover'
  | 'usage';

export interface Method {
  readonly name: string;
  /** The group whose `rpc:<group>` scope it needs; `any`: every credential of the binding may. */
  readonly group: RpcGroup | 'any';
  /** Compute units; a plain read is 1. */
  readonly cost: number;
  readonly treatment: Treatment;
}

const READ = {
  eth_chainId: 'chain-id',
  eth_blockNumber: 'shared-read',
  eth_gasPrice: 'shared-read',
  eth_maxPriorityFeePerGas: 'shared-read',
  eth_blobBaseFee: 'shared-read',
} as const satisfies Record<string, Treatment>;

const READ_COSTS = {
  web3_clientVersion: 1,
  web3_sha3: 1,
  net_version: 1,
  net_listening: 1,
  eth_syncing: 1,
  eth_feeHistory: 2,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getStorageAt: 1,
  eth_getProof: 5,
  eth_getTransactionCount: 1,
  eth_call: 2,
  eth_estimateGas: 4,
  eth_createAccessList: 4,
  eth_simulateV1: 20,
  eth_getBlockByHash: 1,
  eth_getBlockByNumber: 1,
  eth_getBlockTransactionCountByHash: 1,
  eth_getBlockTransactionCountByNumber: 1,
  eth_getBlockReceipts: 10,
  eth_getUncleByBlockHashAndIndex: 1,
  eth_getUncleByBlockNumberAndIndex: 1,
  eth_getUncleCountByBlockHash: 1,
  eth_getUncleCountByBlockNumber: 1,
  eth_getTransactionByHash: 1,
  eth_getTransactionByBlockHashAndIndex: 1,
  eth_getTransactionByBlockNumberAndIndex: 1,
  eth_getTransactionReceipt: 1,
} as const;

const TRACE_COSTS = {
  debug_traceTransaction: 40,
  debug_traceCall: 40,
  debug_traceBlockByNumber: 200,
  debug_traceBlockByHash: 200,
  trace_transaction: 20,
  trace_block: 40,
  trace_filter: 100,
} as const;

const method = (name: string, group: Method['group'], cost: number, treatment: Treatment): Method => ({
  name,
  group,
  cost,
  treatment,
});

/**
 * Every method anybody may ever call, by exact name; what is not here does not exist (gateway.md, Groups).
 * INVARIANT: no name of another case, no prefix match, no namespace: an upstream sees only names written here.
 */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  [
    ...Object.entries(READ).map(([name, treatment]) => method(name, 'read', 1, treatment)),
    ...Object.entries(READ_COSTS).map(([name, cost]) => method(name, 'read', cost, 'read')),
    method('eth_getLogs', 'logs', 10, 'read'),
    method('eth_newFilter', 'logs', 10, 'filter-new'),
    method('eth_newBlockFilter', 'logs', 2, 'filter-new'),
    method('eth_newPendingTransactionFilter', 'logs', 2, 'filter-new'),
    method('eth_getFilterChanges', 'logs', 2, 'filter-use'),
    method('eth_getFilterLogs', 'logs', 10, 'filter-use'),
    method('eth_uninstallFilter', 'logs', 1, 'filter-end'),
    method('eth_subscribe', 'logs', 10, 'subscribe'),
    method('eth_unsubscribe', 'logs', 1, 'unsubscribe'),
    method('eth_sendRawTransaction', 'send', 10, 'send'),
    ...Object.entries(TRACE_COSTS).map(([name, cost]) => method(name, 'trace', cost, 'read')),
    method('rpc.discover', 'any', 1, 'discover'),
    method('ovsb_usage', 'any', 10, 'usage'),
  ].map((entry) => [entry.name, entry]),
);

/** The UMA scope of a group. */
export const scopeOf = (group: RpcGroup): string => `rpc:${group}`;

const GROUPS: readonly RpcGroup[] = ['read', 'logs', 'send', 'trace'];

/** The groups named by UMA scopes; other scopes are passed over. */
export function groupsOf(scopes: readonly string[]): RpcGroup[] {
  return GROUPS.filter((group) => scopes.includes(scopeOf(group)));
}
