import { Agent, request as send } from 'node:http';

/** Answers later than this are of no use within a slot. */
const TIMEOUT_MS = 2_000;

/** The Beacon API as a validator client calls it: JSON, one kept-alive connection, its own name as user agent. */
export class BeaconApi {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 2 });

  constructor(
    private readonly uri: string,
    private readonly name: string,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.call<T>('POST', path, JSON.stringify(body));
  }

  close(): void {
    this.agent.destroy();
  }

  private call<T>(method: string, path: string, body?: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { 'user-agent': `ovsb-sandbox-validator-client/${this.name}` };
      if (body !== undefined) headers['content-type'] = 'application/json';
      const outgoing = send(
        `${this.uri}${path}`,
        { method, agent: this.agent, headers, timeout: TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const status = response.statusCode ?? 0;
            if (status >= 300) reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`));
            else resolve((text === '' ? undefined : JSON.parse(text)) as T);
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in ${TIMEOUT_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
