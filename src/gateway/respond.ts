import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList } from './cors.js';
import { idToWire, type RpcId, type Wire } from './json-rpc.js';
import type { AnswerSink } from './receive.js';

const JSON_TYPE: HeaderList = ['content-type', 'application/json'];

/** Writes a whole answer; a caller who has gone away gets nothing. */
export function respond(response: ServerResponse, status: number, body: Wire, headers: HeaderList): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, [...JSON_TYPE, 'content-length', String(body.length), ...headers]);
  response.end(body, 'latin1');
}

export function respondEmpty(response: ServerResponse, status: number, headers: HeaderList): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, [...headers]);
  response.end();
}

/** How long and how much of a refused body is still taken in, so that its sender reads our answer before the close. */
const LINGER = { ms: 2000, bytes: 8 * 1024 * 1024 };

/** 413: the answer goes out at once, the connection closes when the sender has stopped. */
export function respondAndClose(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: Wire,
  headers: HeaderList,
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, [...JSON_TYPE, 'content-length', String(body.length), 'connection', 'close', ...headers]);
  response.write(body, 'latin1');
  let taken = 0;
  const end = (): void => {
    clearTimeout(timer);
    if (!response.writableEnded) response.end();
  };
  const timer = setTimeout(end, LINGER.ms);
  request.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken > LINGER.bytes) end();
  });
  request.on('end', end);
  request.on('close', end);
}

/** Streams a large answer; its head is written with its first bytes. */
export function responseSink(response: ServerResponse, id: RpcId, headers: HeaderList): AnswerSink {
  return {
    id: idToWire(id),
    write(chunk) {
      if (!response.headersSent) response.writeHead(200, [...JSON_TYPE, ...headers]);
      return response.write(chunk);
    },
    onDrain(resume) {
      response.once('drain', resume);
      response.once('close', resume);
    },
    end: () => void response.end(),
    breakOff: () => void response.destroy(),
    gone: () => response.destroyed,
  };
}
