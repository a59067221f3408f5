import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Seen {
  readonly body: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface RecordingProxy {
  readonly uri: string;
  readonly seen: Seen[];
  /** Answers instead of the node when it returns true. */
  instead: ((body: string, response: ServerResponse) => boolean) | undefined;
  stop(): Promise<void>;
}

/** Stands before a node, keeps every byte that would reach it, and can answer in its place. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const seen: Seen[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      seen.push({ body, url: incoming.url ?? '', headers: incoming.headers });
      if (proxy.instead?.(body, response)) return;
      const outgoing = request(
        target,
        { method: 'POST', headers: { 'content-type': 'application/json' } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' });
          answer.pipe(response);
        },
      );
      outgoing.on('error', () => response.destroy());
      outgoing.end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: RecordingProxy = {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    instead: undefined,
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
