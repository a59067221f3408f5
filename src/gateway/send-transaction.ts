import { isHex, keccak256 } from 'viem';
import type { Logger } from '../logger.js';
import type { Call } from './call.js';
import { callUpstreams } from './call-upstreams.js';
import { idToWire, resultAnswer } from './json-rpc.js';
import { failure, type Reply, whole } from './reply.js';
import type { Upstream } from './upstream.js';

/** How geth, erigon, reth, Nethermind, Besu and anvil say that they have the transaction. */
const ALREADY_KNOWN = /already.?known|known transaction|already imported|already exists/i;

const LOOK_UP_MS = 3000;

/**
 * eth_sendRawTransaction, never repeated blindly: the next upstream is tried only when nothing was sent to the one
 * before. Where the outcome is unknown, the upstreams are asked whether they have the transaction.
 */
export async function sendTransaction(
  call: Call,
  params: string,
  upstreams: readonly Upstream[],
  log: Logger,
): Promise<Reply> {
  const { id } = call.request;
  const hash = hashOf(call.request.params);
  const asked = { method: 'eth_sendRawTransaction', params };
  const called = await callUpstreams(upstreams, asked, { repeatable: false, deadline: call.deadline });
  if (called.kind === 'answered') {
    const message = called.answer.error?.message;
    if (hash !== undefined && typeof message === 'string' && ALREADY_KNOWN.test(message)) {
      return whole(resultAnswer(id, hash));
    }
    return whole(`${called.answer.head}${idToWire(id)}${called.answer.tail}`);
  }
  if (called.kind === 'streamed') return called;
  if (called.unknown && hash !== undefined && (await isKnown(hash, upstreams))) return whole(resultAnswer(id, hash));
  return failure(log, id, asked.method, called.reason, hash === undefined ? {} : { transaction_hash: hash });
}

function hashOf(params: object | undefined): string | undefined {
  const raw: unknown = Array.isArray(params) ? params[0] : undefined;
  return isHex(raw) && raw.length > 2 && raw.length % 2 === 0 ? keccak256(raw) : undefined;
}

async function isKnown(hash: string, upstreams: readonly Upstream[]): Promise<boolean> {
  const asked = { method: 'eth_getTransactionByHash', params: `["${hash}"]` };
  const options = { repeatable: true, deadline: performance.now() + LOOK_UP_MS };
  const answers = await Promise.all(upstreams.map((upstream) => callUpstreams([upstream], asked, options)));
  return answers.some(
    (called) =>
      called.kind === 'answered' && called.answer.error === undefined && !/"result":\s*null/.test(called.answer.tail),
  );
}
