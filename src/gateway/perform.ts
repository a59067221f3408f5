import type { Logger } from '../logger.js';
import type { Call } from './call.js';
import { type Called, callUpstreams } from './call-upstreams.js';
import { describeMethods } from './discover.js';
import type { Filters } from './filters.js';
import { METHODS, type Treatment } from './groups.js';
import { errorAnswer, idToWire, resultAnswer } from './json-rpc.js';
import { failure, type Reply, whole } from './reply.js';
import { sendTransaction } from './send-transaction.js';
import type { Upstream } from './upstream.js';
import type { Upstreams } from './upstreams.js';
import type { Usage } from './usage-ledger.js';

export interface PerformParts {
  readonly upstreams: Upstreams;
  readonly filters: Filters;
  readonly usage: (resourceId: string) => Promise<Usage>;
  readonly chainId: number;
  readonly log: Logger;
}

export type Perform = (call: Call) => Promise<Reply>;

/** Carries out permitted calls, each treatment in its own way. Rejects only when the database or the fleet is down. */
export function createPerform(parts: PerformParts): Perform {
  const { filters, log } = parts;
  const sharing = new Map<string, Promise<Called>>();

  const ranked = (call: Call): Upstream[] | Promise<Upstream[]> =>
    parts.upstreams.ranked(call.grant.endpoint.validatorInstanceId);
  const render = (call: Call, called: Called): Reply => {
    if (called.kind === 'streamed') return called;
    if (called.kind === 'failed') return failure(log, call.request.id, call.method.name, called.reason);
    return whole(`${called.answer.head}${idToWire(call.request.id)}${called.answer.tail}`);
  };
  const read = async (call: Call, upstreams?: readonly Upstream[]): Promise<Called> =>
    callUpstreams(upstreams ?? (await ranked(call)), upstreamCall(call), { repeatable: true, deadline: call.deadline });

  const sharedRead = (call: Call): Promise<Called> => {
    if (paramsOf(call) !== '[]') return read(call);
    const key = `${call.method.name} ${call.grant.endpoint.validatorInstanceId ?? ''}`;
    const running = sharing.get(key);
    if (running !== undefined) return running;
    const { sink: _, ...unstreamed } = call;
    const called = read(unstreamed).finally(() => sharing.delete(key));
    sharing.set(key, called);
    return called;
  };

  const newFilter = async (call: Call): Promise<Reply> => {
    const called = await read(call);
    if (called.kind !== 'answered' || called.answer.error !== undefined) return render(call, called);
    const made: { result: unknown } = JSON.parse(`${called.answer.head}1${called.answer.tail}`);
    const filter = { upstream: called.by, upstreamId: JSON.stringify(made.result) };
    return whole(resultAnswer(call.request.id, filters.add(call.grant.endpoint.resourceId, filter)));
  };

  const useFilter = async (call: Call, end: boolean): Promise<Reply> => {
    const { resourceId } = call.grant.endpoint;
    const id = Array.isArray(call.request.params) ? call.request.params[0] : undefined;
    const filter = filters.get(resourceId, id);
    if (filter === undefined) return whole(errorAnswer(call.request.id, 'server', 'filter not found'));
    if (end) filters.delete(resourceId, id);
    const asked = { ...upstreamCall(call), params: `[${filter.upstreamId}]` };
    // getFilterChanges consumes what it returns, so it is not asked twice; the filter lives on this one node.
    const called = await callUpstreams([filter.upstream], asked, { repeatable: false, deadline: call.deadline });
    return render(call, called);
  };

  const treatments: Record<Treatment, (call: Call) => Promise<Reply>> = {
    read: async (call) => render(call, await read(call)),
    'shared-read': async (call) => render(call, await sharedRead(call)),
    'chain-id': async (call) => whole(resultAnswer(call.request.id, `0x${parts.chainId.toString(16)}`)),
    send: async (call) => sendTransaction(call, paramsOf(call), await ranked(call), log),
    'filter-new': newFilter,
    'filter-use': (call) => useFilter(call, false),
    'filter-end': (call) => useFilter(call, true),
    subscribe: async (call) => {
      const { subscriptions } = call;
      if (subscriptions === undefined) return whole(errorAnswer(call.request.id, 'methodNotFound', 'no such method'));
      return subscriptions.subscribe(call, await ranked(call));
    },
    unsubscribe: async (call) => {
      const id = Array.isArray(call.request.params) ? call.request.params[0] : undefined;
      return whole(resultAnswer(call.request.id, call.subscriptions?.unsubscribe(id) ?? false));
    },
    discover: async (call) =>
      whole(resultAnswer(call.request.id, describeMethods(METHODS.values(), call.grant.groups))),
    usage: async (call) => {
      const { limits, resourceId, expiresAtMs } = call.grant.endpoint;
      const { requests, units } = await parts.usage(resourceId);
      const expires_at = new Date(expiresAtMs).toISOString();
      const result = {
        requests: Number(requests),
        units: Number(units),
        limits,
        groups: [...call.grant.groups],
        expires_at,
      };
      return whole(resultAnswer(call.request.id, result));
    },
  };
  return (call) => treatments[call.method.treatment](call);
}

const paramsOf = (call: Call): string =>
  call.request.params === undefined ? '[]' : JSON.stringify(call.request.params);

const upstreamCall = (call: Call) => ({
  method: call.method.name,
  params: paramsOf(call),
  budget: call.budget,
  ...(call.sink === undefined ? {} : { sink: call.sink }),
});
