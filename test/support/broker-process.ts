import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../src/paths.js';

export interface Credentials {
  readonly issuer: string;
  readonly operator: { readonly client_id: string; readonly client_secret: string };
  readonly platform: { readonly username: string; readonly password: string };
  readonly client: { readonly client_id: string; readonly client_secret: string };
}

/** The product as a user runs it: `npm start`'s own script in a process, a data directory and a port of its own. */
export class BrokerProcess {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'ovsb-journey-'));
  readonly baseUrl: string;
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(
    readonly port: number,
    private readonly env: Record<string, string>,
  ) {
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  /** @param env beside OVSB_PORT and OVSB_DATA_DIR; slots are 500 ms unless it says otherwise: shorter epochs outrun the mover's looks on a busy machine. */
  static async create(env: Record<string, string> = {}): Promise<BrokerProcess> {
    return new BrokerProcess(await freePort(), { OVSB_SANDBOX_SLOT_MS: '500', ...env });
  }

  /** Starts and waits until /readyz answers 200; returns how many milliseconds that took. */
  async start(timeoutMs = 60_000): Promise<number> {
    const began = Date.now();
    const child = spawn(process.execPath, ['scripts/start.mjs'], {
      cwd: ROOT,
      env: { ...process.env, OVSB_PORT: String(this.port), OVSB_DATA_DIR: this.dataDir, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-200_000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    while (Date.now() - began < timeoutMs) {
      if (child.exitCode !== null)
        throw new Error(`the broker ended with ${child.exitCode}:\n${this.log.slice(-3000)}`);
      if (await this.#ready()) return Date.now() - began;
      await sleep(100);
    }
    throw new Error(`not ready within ${timeoutMs} ms:\n${this.log.slice(-3000)}`);
  }

  get log(): string {
    return this.#log;
  }

  get credentials(): Credentials {
    return JSON.parse(readFileSync(join(this.dataDir, 'credentials.json'), 'utf8')) as Credentials;
  }

  /** SIGTERM; resolves with the exit code and the milliseconds it took. */
  async stop(): Promise<{ code: number | null; ms: number }> {
    return this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops and removes the data directory. */
  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  async #end(signal: NodeJS.Signals): Promise<{ code: number | null; ms: number }> {
    const child = this.#child;
    const began = Date.now();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return { code: child?.exitCode ?? null, ms: 0 };
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return { code: await ended, ms: Date.now() - began };
  }

  async #ready(): Promise<boolean> {
    try {
      return (await fetch(`${this.baseUrl}/readyz`, { signal: AbortSignal.timeout(2000) })).status === 200;
    } catch {
      return false;
    }
  }
}

/** A loopback port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
