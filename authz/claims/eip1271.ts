import { encodeFunctionData, type Hex, hashMessage } from 'viem';
import { type BadClaims, bad } from './bad.js';

/** EIP-1271: bytes4(keccak256("isValidSignature(bytes32,bytes)")), right-padded to a word. */
const MAGIC_WORD = `0x1626ba7e${'00'.repeat(28)}`;
/** ERC-6492 and ERC-8010 end a wrapped signature with a word of their own number. */
const WRAPPERS = /(?:6492){16}$|(?:8010){16}$/i;
const GAS = 1_000_000;
/** For all calls of one node. */
const TIMEOUT_MS = 2_000;
/** Asked one after the other until one can say. */
const MOST_NODES = 3;
const MAX_ANSWER_BYTES = 65_536;
/** Two epochs of 32 slots of 12 s. */
const MAX_AGE_SECONDS = 768;

const ABI = [
  {
    type: 'function',
    name: 'isValidSignature',
    stateMutability: 'view',
    inputs: [
      { name: 'hash', type: 'bytes32' },
      { name: 'signature', type: 'bytes' },
    ],
    outputs: [{ name: 'magicValue', type: 'bytes4' }],
  },
] as const;

const refused = bad('signature', 'the signature is not of the account the message names');

export interface ContractSignaturesOptions {
  /** JSON-RPC over HTTP of execution nodes the operator trusts, the best one now first; empty while there is none. */
  readonly executionNodeUris: () => readonly string[];
  /** How old the safe block may be: two epochs. */
  readonly maxAgeSeconds?: number;
}

/** Asks contract wallets whether a signature is theirs, at the safe block and no other (security.md B6). */
export class ContractSignatures {
  constructor(readonly options: ContractSignaturesOptions) {}

  /** Undefined when the contract at `address` says that the signature of the personal message is valid. Never throws. */
  async fault(address: Hex, message: string, signature: Hex, nowMs: number): Promise<BadClaims | undefined> {
    if (WRAPPERS.test(signature)) return bad('signature', 'wrapped signatures (ERC-6492, ERC-8010) are not accepted');
    let answer: BadClaims | undefined = refused;
    for (const uri of this.options.executionNodeUris().slice(0, MOST_NODES)) {
      answer = await this.#ask(uri, address, message, signature, nowMs);
      if (answer?.problem !== 'unavailable') return answer;
    }
    return answer;
  }

  async #ask(
    uri: string,
    address: Hex,
    message: string,
    signature: Hex,
    nowMs: number,
  ): Promise<BadClaims | undefined> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const block = (await call(uri, 'eth_getBlockByNumber', ['safe', false], deadline)) as {
        hash?: Hex;
        timestamp?: Hex;
      } | null;
      if (block?.hash === undefined || block.timestamp === undefined) return unavailable('no safe block');
      const ageSeconds = Math.floor(nowMs / 1000) - Number(block.timestamp);
      if (ageSeconds > (this.options.maxAgeSeconds ?? MAX_AGE_SECONDS)) return unavailable('the safe block is too old');
      const place = { blockHash: block.hash };
      const code = await call(uri, 'eth_getCode', [address, place], deadline);
      if (typeof code !== 'string' || code === '0x') return refused;
      const data = encodeFunctionData({
        abi: ABI,
        functionName: 'isValidSignature',
        args: [hashMessage(message), signature],
      });
      const gas = `0x${GAS.toString(16)}`;
      const answer = await call(uri, 'eth_call', [{ to: address, data, gas }, place], deadline).catch(
        (thrown: unknown) => {
          if (thrown instanceof NodeError && thrown.isOfTheContract) return undefined;
          throw thrown;
        },
      );
      return answer === MAGIC_WORD ? undefined : refused;
    } catch {
      return unavailable('it did not answer in time');
    }
  }
}

async function call(uri: string, method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
  const response = await fetch(uri, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    redirect: 'error',
    signal,
  });
  const body = JSON.parse(await limitedText(response)) as { result?: unknown; error?: RpcError };
  if (body.error !== undefined) throw new NodeError(method, body.error);
  return body.result;
}

interface RpcError {
  readonly code?: number;
  readonly message?: string;
}

/** geth, Erigon and Reth say 3 for a revert, Nethermind −32015 for whatever its machine met. */
const CONTRACT_CODES: readonly unknown[] = [3, -32015];
const CONTRACT_WORDS = /revert|out ?of ?gas|invalid ?(opcode|jump)|stack|vm execution|evm error|bad instruction/i;

/** The node answered with an error: its own (a limit, a state it has not), or what running the contract came to. */
class NodeError extends Error {
  readonly isOfTheContract: boolean;

  constructor(method: string, { code, message = '' }: RpcError) {
    super(`${method}: ${message}`);
    this.isOfTheContract = CONTRACT_CODES.includes(code) || CONTRACT_WORDS.test(message);
  }
}

function unavailable(why: string): BadClaims {
  return bad('unavailable', `the execution node cannot say whether a contract account signed: ${why}`);
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}
