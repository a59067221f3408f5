import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

export interface Anvil {
  readonly uri: string;
  readonly wsUri: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** A real execution node on a free port, chain 31337, mining at once unless a block time (s) is given. */
export async function startAnvil(...options: string[]): Promise<Anvil> {
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  const binary = createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${cpu}/bin/anvil`);
  const child = spawn(binary, ['--port', '0', '--host', '127.0.0.1', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await portOf(child);
  return {
    uri: `http://127.0.0.1:${port}`,
    wsUri: `ws://127.0.0.1:${port}`,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function portOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('anvil has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stdout.resume();
    return port;
  }
  throw new Error('anvil ended before it listened');
}
