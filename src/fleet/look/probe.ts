import { readFile } from 'node:fs/promises';
import { reasonOf } from '../../errors.js';
import { compileSchema } from '../../validate.js';
import type { BeaconNode, ExecutionNode, ValidatorClient } from '../inventory.js';
import { requestJson } from './http-json.js';

const TIMEOUT_MS = 4000;

/** The one network a broker works on (security.md C1). */
export interface Network {
  /** EIP-155. */
  readonly chainId: number;
  /** Lower-case 0x, 32 bytes; absent: beacon nodes are not asked for theirs. */
  readonly genesisValidatorsRoot?: string;
}

export interface Finding {
  readonly state: 'up' | 'syncing' | 'down' | 'refused';
  readonly detail: string;
}

const isSyncing = compileSchema<{
  data: { is_syncing: boolean; is_optimistic?: boolean; el_offline?: boolean; head_slot: string };
}>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'object',
      required: ['is_syncing', 'head_slot'],
      properties: {
        is_syncing: { type: 'boolean' },
        is_optimistic: { type: 'boolean' },
        el_offline: { type: 'boolean' },
        head_slot: { type: 'string' },
      },
    },
  },
});
const isGenesis = compileSchema<{ data: { genesis_validators_root: string } }>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'object',
      required: ['genesis_validators_root'],
      properties: { genesis_validators_root: { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' } },
    },
  },
});
const isRpcResult = compileSchema<{ result: unknown }>({
  type: 'object',
  required: ['result'],
  properties: { result: true },
});
const isKeyList = compileSchema<{ data: unknown[] }>({
  type: 'object',
  required: ['data'],
  properties: { data: { type: 'array' } },
});

/** A beacon node of our network that is synced, not optimistic and has its execution node. Never throws. */
export function probeBeaconNode(node: BeaconNode, signal: AbortSignal, network?: Network): Promise<Finding> {
  return finding(async () => {
    const get = (path: string) => requestJson(`${node.uri}${path}`, { signal, timeoutMs: TIMEOUT_MS });
    const wanted = network?.genesisValidatorsRoot;
    if (wanted !== undefined) {
      const genesis = await get('/eth/v1/beacon/genesis');
      if (!isGenesis(genesis)) throw new Error('answered something else than its genesis');
      const root = genesis.data.genesis_validators_root.toLowerCase();
      if (root !== wanted) return { state: 'refused', detail: `another network: its genesis root is ${root}` };
    }
    const answer = await get('/eth/v1/node/syncing');
    if (!isSyncing(answer)) throw new Error('answered something else than its sync state');
    const { is_syncing, is_optimistic, el_offline, head_slot } = answer.data;
    if (el_offline) return { state: 'down', detail: 'its execution node is offline' };
    if (is_syncing || is_optimistic)
      return { state: 'syncing', detail: `${is_syncing ? 'syncing' : 'optimistic'} at slot ${head_slot}` };
    return { state: 'up', detail: 'synced' };
  });
}

/** `eth_syncing` false and a block number, on our network. Never throws. */
export function probeExecutionNode(node: ExecutionNode, signal: AbortSignal, network?: Network): Promise<Finding> {
  return finding(async () => {
    const call = async (method: string) => {
      const body = { jsonrpc: '2.0', id: 1, method, params: [] };
      const answer = await requestJson(node.uri, { signal, timeoutMs: TIMEOUT_MS, body });
      if (!isRpcResult(answer)) throw new Error(`${method} gave no result`);
      return answer.result;
    };
    if (network !== undefined) {
      const chainId = await call('eth_chainId');
      if (typeof chainId !== 'string' || !/^0x[0-9a-f]{1,13}$/i.test(chainId))
        throw new Error('eth_chainId gave no number');
      if (Number(chainId) !== network.chainId)
        return { state: 'refused', detail: `another network: its chain id is ${Number(chainId)}` };
    }
    const [syncing, block] = await Promise.all([call('eth_syncing'), call('eth_blockNumber')]);
    if (syncing !== false) return { state: 'syncing', detail: 'syncing' };
    if (typeof block !== 'string' || !block.startsWith('0x')) throw new Error('eth_blockNumber gave no number');
    return { state: 'up', detail: 'synced' };
  });
}

/** The Keymanager API lists keystores with our token. Never throws. */
export function probeValidatorClient(client: ValidatorClient, signal: AbortSignal): Promise<Finding> {
  return finding(async () => {
    const token = (await readFile(client.tokenFile, 'utf8')).trim();
    const answer = await requestJson(`${client.keymanagerUri}/eth/v1/keystores`, {
      signal,
      timeoutMs: TIMEOUT_MS,
      headers: { authorization: `Bearer ${token}` },
    });
    if (!isKeyList(answer)) throw new Error('answered something else than a list of keystores');
    return { state: 'up', detail: 'reachable' };
  });
}

async function finding(probe: () => Promise<Finding>): Promise<Finding> {
  try {
    return await probe();
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? `: ${thrown.cause.message}` : '';
    return { state: 'down', detail: `${reasonOf(thrown)}${cause}`.slice(0, 255) };
  }
}
