import { readFile } from 'node:fs/promises';
import { reasonOf } from '../../errors.js';
import { compileSchema } from '../../validate.js';
import type { BeaconNode, ExecutionNode, ValidatorClient } from '../inventory.js';
import { requestJson } from './http-json.js';

const TIMEOUT_MS = 4000;

export interface Finding {
  readonly state: 'up' | 'syncing' | 'down';
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

/** A beacon node that is synced, not optimistic and has its execution node. Never throws. */
export function probeBeaconNode(node: BeaconNode, signal: AbortSignal): Promise<Finding> {
  return finding(async () => {
    const answer = await requestJson(`${node.uri}/eth/v1/node/syncing`, { signal, timeoutMs: TIMEOUT_MS });
    if (!isSyncing(answer)) throw new Error('answered something else than its sync state');
    const { is_syncing, is_optimistic, el_offline, head_slot } = answer.data;
    if (el_offline) return { state: 'down', detail: 'its execution node is offline' };
    if (is_syncing || is_optimistic)
      return { state: 'syncing', detail: `${is_syncing ? 'syncing' : 'optimistic'} at slot ${head_slot}` };
    return { state: 'up', detail: 'synced' };
  });
}

/** `eth_syncing` false and a block number. Never throws. */
export function probeExecutionNode(node: ExecutionNode, signal: AbortSignal): Promise<Finding> {
  return finding(async () => {
    const call = async (method: string) => {
      const body = { jsonrpc: '2.0', id: 1, method, params: [] };
      const answer = await requestJson(node.uri, { signal, timeoutMs: TIMEOUT_MS, body });
      if (!isRpcResult(answer)) throw new Error(`${method} gave no result`);
      return answer.result;
    };
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
