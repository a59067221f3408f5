import { compileSchema } from '../../validate.js';
import { requestJson } from '../look/http-json.js';

const TIMEOUT_MS = 4000;

const isSpec = compileSchema<{ data: { SLOTS_PER_EPOCH: string } }>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'object',
      required: ['SLOTS_PER_EPOCH'],
      properties: { SLOTS_PER_EPOCH: { type: 'string', pattern: '^[1-9]\\d{0,5}$' } },
    },
  },
});
const isHead = compileSchema<{ data: { head_slot: string } }>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'object',
      required: ['head_slot'],
      properties: { head_slot: { type: 'string', pattern: '^\\d{1,20}$' } },
    },
  },
});
const isLiveness = compileSchema<{ data: { index: string; is_live: boolean }[] }>({
  type: 'object',
  required: ['data'],
  properties: {
    data: {
      type: 'array',
      items: {
        type: 'object',
        required: ['index', 'is_live'],
        properties: { index: { type: 'string' }, is_live: { type: 'boolean' } },
      },
    },
  },
});

/**
 * Validators (by index) that a beacon node saw active in its current or previous epoch (Beacon API, getLiveness).
 * @throws Error with a one-line reason.
 */
export async function liveValidators(beaconUri: string, indexes: readonly bigint[]): Promise<Set<bigint>> {
  const { signal } = new AbortController();
  const get = (path: string, body?: unknown) =>
    requestJson(`${beaconUri}${path}`, { signal, timeoutMs: TIMEOUT_MS, ...(body !== undefined && { body }) });
  const [spec, head] = await Promise.all([get('/eth/v1/config/spec'), get('/eth/v1/node/syncing')]);
  if (!isSpec(spec) || !isHead(head)) throw new Error('answered something else than its spec and head');
  const epoch = BigInt(head.data.head_slot) / BigInt(spec.data.SLOTS_PER_EPOCH);
  const live = new Set<bigint>();
  for (const asked of epoch > 0n ? [epoch, epoch - 1n] : [epoch]) {
    const answer = await get(`/eth/v1/validator/liveness/${asked}`, indexes.map(String));
    if (!isLiveness(answer)) throw new Error('answered something else than liveness');
    for (const { index, is_live } of answer.data) if (is_live && /^\d{1,20}$/.test(index)) live.add(BigInt(index));
  }
  return live;
}
