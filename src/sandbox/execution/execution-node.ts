/** A front that makes the one anvil look like a node of one implementation: own ports, version, log and faults. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import { listen, readBytes } from '../http.js';

export interface ExecutionFaults {
  /** Cuts every connection. */
  readonly down: boolean;
  /** Waits before each answer. */
  readonly delay_ms: number;
  /** Answers every HTTP call with this status; 0: honest. */
  readonly status: number;
}

export const NO_EXECUTION_FAULTS: ExecutionFaults = { down: false, delay_ms: 0, status: 0 };

export interface ExecutionNode {
  readonly name: string;
  readonly implementation: string;
  readonly uri: string;
  readonly wsUri: string;
  faults: ExecutionFaults;
  /** The newest calls, oldest first. */
  log(): readonly LoggedCall[];
  close(): Promise<void>;
}

export interface LoggedCall {
  readonly at: number;
  readonly transport: 'http' | 'ws';
  readonly method: string;
}

interface Call {
  readonly id?: unknown;
  readonly method?: unknown;
}

const VERSIONS: Readonly<Record<string, string>> = {
  geth: 'Geth/v1.16.7-sandbox',
  nethermind: 'Nethermind/v1.35.2-sandbox',
  besu: 'besu/v25.11.0-sandbox',
  erigon: 'erigon/3.2.2-sandbox',
  reth: 'reth/v1.9.3-sandbox',
};
/** anvil's own control methods: no real node has them. */
const NOT_OFFERED = /^(anvil|hardhat|evm|ots)_/;
const LOG_LENGTH = 1_000;
const FRAME_LIMIT_BYTES = 10 * 1024 * 1024;

export async function startExecutionNode(
  of: { readonly name: string; readonly implementation: string; readonly port: number },
  anvilUri: string,
): Promise<ExecutionNode> {
  const state = { faults: NO_EXECUTION_FAULTS };
  const calls: LoggedCall[] = [];
  const agent = new Agent({ connections: 32 });
  const record = (transport: LoggedCall['transport'], method: unknown): void => {
    calls.push({ at: Date.now(), transport, method: typeof method === 'string' ? method.slice(0, 100) : '(invalid)' });
    if (calls.length > LOG_LENGTH) calls.shift();
  };
  const answer = async (bytes: Buffer): Promise<{ status: number; body: string }> => {
    if (state.faults.delay_ms > 0) await sleep(state.faults.delay_ms);
    if (state.faults.status > 0) return { status: state.faults.status, body: '{"error":"fault"}' };
    return forward(bytes, of.implementation, anvilUri, agent, (method) => record('http', method));
  };
  const server = createServer((message, response) => {
    if (state.faults.down) message.socket.destroy();
    else void respond(message, response, answer);
  });
  const sockets = new WebSocketServer({ server, maxPayload: FRAME_LIMIT_BYTES });
  sockets.on('connection', (socket) => {
    if (state.faults.down) socket.terminate();
    else relaySocket(socket, of.implementation, anvilUri, (method) => record('ws', method));
  });
  const listening = await listen(server, of.port);
  return Object.assign(state, {
    name: of.name,
    implementation: of.implementation,
    uri: listening.uri,
    wsUri: listening.uri.replace('http', 'ws'),
    log: () => calls,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await listening.close();
      await agent.destroy();
    },
  });
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  answer: (bytes: Buffer) => Promise<{ status: number; body: string }>,
): Promise<void> {
  let result: { status: number; body: string };
  try {
    result = message.method === 'POST' ? await answer(await readBytes(message)) : { status: 405, body: '{}' };
  } catch {
    // Whatever failed, a caller of a node only ever sees a bad gateway.
    result = { status: 502, body: '{"error":"upstream"}' };
  }
  if (response.destroyed) return;
  response.writeHead(result.status, { 'content-type': 'application/json' });
  response.end(result.body);
}

async function forward(
  bytes: Buffer,
  implementation: string,
  anvilUri: string,
  agent: Agent,
  record: (method: unknown) => void,
): Promise<{ status: number; body: string }> {
  const parsed = parse(bytes.toString('utf8'));
  const calls = Array.isArray(parsed) ? (parsed as Call[]) : [(parsed ?? {}) as Call];
  for (const call of calls) record(call?.method);
  const own = calls.map((call) => ownAnswer(call, implementation));
  if (own.every((one) => one !== undefined) && own.length > 0) {
    return { status: 200, body: JSON.stringify(Array.isArray(parsed) ? own : own[0]) };
  }
  if (!own.some((one) => one !== undefined)) return { status: 200, body: await ask(bytes, anvilUri, agent) };
  const rest = JSON.parse(await ask(Buffer.from(JSON.stringify(calls.filter((_, at) => !own[at]))), anvilUri, agent));
  return { status: 200, body: JSON.stringify([...own.filter((one) => one !== undefined), ...(rest as unknown[])]) };
}

async function ask(body: Buffer, anvilUri: string, dispatcher: Agent): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await request(anvilUri, { method: 'POST', headers, body, dispatcher });
  return response.body.text();
}

/** What the front answers itself: the version, and that anvil's control methods do not exist. */
function ownAnswer(call: Call, implementation: string): unknown {
  const method = typeof call?.method === 'string' ? call.method : '';
  const id = call?.id ?? null;
  if (method === 'web3_clientVersion')
    return { jsonrpc: '2.0', id, result: VERSIONS[implementation] ?? implementation };
  if (!NOT_OFFERED.test(method)) return undefined;
  const message = `the method ${method.slice(0, 100)} does not exist/is not available`;
  return { jsonrpc: '2.0', id, error: { code: -32601, message } };
}

/** Frames go to anvil as they come, so subscriptions work; only the front's own answers stay here. */
function relaySocket(
  socket: WebSocket,
  implementation: string,
  anvilUri: string,
  record: (method: unknown) => void,
): void {
  const upstream = new WebSocket(anvilUri.replace('http', 'ws'));
  const waiting: string[] = [];
  upstream.on('open', () => {
    for (const frame of waiting.splice(0)) upstream.send(frame);
  });
  upstream.on('message', (frame) => socket.send(frame.toString()));
  const end = (): void => {
    upstream.terminate();
    socket.terminate();
  };
  for (const side of [socket, upstream]) side.on('close', end).on('error', end);
  socket.on('message', (frame) => {
    const text = frame.toString();
    const call = parse(text) as Call | undefined;
    if (call && !Array.isArray(call)) {
      record(call.method);
      const own = ownAnswer(call, implementation);
      if (own !== undefined) {
        socket.send(JSON.stringify(own));
        return;
      }
    }
    if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
    else if (waiting.length < LOG_LENGTH) waiting.push(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
