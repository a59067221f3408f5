/** The few lines of HTTP the sandbox's many small servers share: a route table, JSON in and out, loopback only. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';

const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

export interface Request {
  readonly method: string;
  readonly path: string;
  /** Named parts of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Takes the response over, for streams. */
  readonly stream?: (response: ServerResponse) => void;
}

export type Handler = (request: Request) => Answer | Promise<Answer>;
/** `['GET', '/eth/v1/node/version', handler]`; a `{name}` stands for one part of the path. */
export type Route = readonly [method: string, path: string, handler: Handler];

/** A refusal with a status, rendered as `{code, message}` like the Beacon and Keymanager APIs do. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export interface Listening {
  readonly server: Server;
  readonly uri: string;
  close(): Promise<void>;
}

/** `before` sees every request first; what it returns is the answer, and `'drop'` cuts the connection. */
export async function serve(
  port: number,
  routes: readonly Route[],
  before: (request: IncomingMessage) => Answer | 'drop' | undefined = () => undefined,
): Promise<Listening> {
  const find = router(routes);
  const server = createServer((message, response) => {
    const first = before(message);
    if (first === 'drop') {
      message.socket.destroy();
      return;
    }
    const answer = first ? Promise.resolve(first) : handle(message, find);
    answer.then((result) => send(response, result)).catch((thrown) => send(response, refused(thrown)));
  });
  return listen(server, port);
}

/** Port 0 takes any free one. */
export async function listen(server: Server, port: number): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address ? address.port : port;
  return {
    server,
    uri: `http://127.0.0.1:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Found = { readonly handler: Handler; readonly params: Record<string, string> };
type Router = (method: string, path: string) => Found | 'method' | undefined;

function router(routes: readonly Route[]): Router {
  const table = routes.map(([method, path, handler]) => ({ method, handler, parts: path.split('/') }));
  return (method, path) => {
    const parts = path.split('/');
    let otherMethod = false;
    for (const route of table) {
      const params = matchParts(route.parts, parts);
      if (!params) continue;
      if (route.method === method) return { handler: route.handler, params };
      otherMethod = true;
    }
    return otherMethod ? 'method' : undefined;
  };
}

function matchParts(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [place, wanted] of pattern.entries()) {
    const part = parts[place] ?? '';
    if (wanted.startsWith('{')) params[wanted.slice(1, -1)] = decoded(part);
    else if (wanted !== part) return undefined;
  }
  return params;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, 'malformed path');
  }
}

async function handle(message: IncomingMessage, find: Router): Promise<Answer> {
  const url = new URL(message.url ?? '/', 'http://127.0.0.1');
  const method = message.method ?? 'GET';
  const found = find(method, url.pathname);
  if (!found) throw new Refusal(404, `no such path: ${url.pathname}`);
  if (found === 'method') throw new Refusal(405, `${method} is not offered here`);
  const body = await readBody(message);
  return found.handler({
    method,
    path: url.pathname,
    params: found.params,
    query: url.searchParams,
    headers: message.headers,
    body,
  });
}

async function readBody(message: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(message);
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Refusal(400, 'the body is not JSON');
  }
}

export async function readBytes(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > BODY_LIMIT_BYTES) throw new Refusal(413, `the body is larger than ${BODY_LIMIT_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function refused(thrown: unknown): Answer {
  if (thrown instanceof Refusal) {
    return { status: thrown.status, body: { code: thrown.status, message: thrown.message, ...thrown.detail } };
  }
  return { status: 500, body: { code: 500, message: 'internal error of the sandbox' } };
}

function send(response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  if (answer.stream) {
    answer.stream(response);
    return;
  }
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body === undefined) {
    response.end();
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answer.body));
}
