/**
 * What one JSON-RPC call costs in the gateway, beside plain proxies, in one run: `node dist/bench/rpc-hot-path.js`.
 * CPU time per request is taken from each process itself, so that the figure is a capacity whatever else runs; rounds
 * of the candidates alternate and the median counts. nginx is compared where it is installed.
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REQUESTS = Number(process.env.REQUESTS ?? 8000);
const CONNECTIONS = 32;
const ROUNDS = 5;

interface Candidate {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  /** CPU time so far, microseconds. */
  cpu(): Promise<number>;
}

interface Part {
  readonly port: number;
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

async function startPart(name: string, upstream: string): Promise<Part> {
  const child = fork(fileURLToPath(new URL('./rpc-process.js', import.meta.url)), [name, upstream]);
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async cpu() {
      child.send('cpu');
      const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
      return user + system;
    },
    async stop() {
      child.send('stop');
      await once(child, 'exit');
    },
  };
}

/** nginx with one worker as a plain proxy with kept-alive upstream connections; undefined where there is none. */
async function startNginx(upstreamPort: number): Promise<Part | undefined> {
  const binary = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path));
  if (binary === undefined || process.platform !== 'linux') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'ovsb-bench-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 1024; }
     http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       upstream node { server 127.0.0.1:${upstreamPort}; keepalive 64; }
       server { listen 127.0.0.1:${port}; keepalive_requests 1000000;
         location / { proxy_pass http://node/; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`,
  );
  const child: ChildProcess = spawn(binary, ['-c', file, '-p', folder], { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const worker = execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).trim();
  return {
    port,
    async cpu() {
      const fields = readFileSync(`/proc/${worker}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10_000;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Sends `count` requests over kept-alive connections, one in flight on each. */
async function load({ port, path, method }: Candidate, count: number): Promise<void> {
  let left = count;
  const body = `{"jsonrpc":"2.0","id":7,"method":"${method}","params":["0x00000000000000000000000000000000000000aa","latest"]}`;
  const bytes = Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer bench-token\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      let answer = '';
      const next = () => {
        if (left-- <= 0) return socket.end(() => resolve());
        answer = '';
        return socket.write(bytes);
      };
      socket.on('connect', next);
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        if (!answer.endsWith('}') && !answer.endsWith('0\r\n\r\n')) return;
        if (!answer.startsWith('HTTP/1.1 200') || !answer.includes('"result"')) reject(new Error(answer.slice(0, 300)));
        else next();
      });
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const node = await startPart('node', '');
const uri = `http://127.0.0.1:${node.port}`;
const plain = await startPart('plain', uri);
const plainUndici = await startPart('plain-undici', uri);
const gateway = await startPart('gateway', uri);
const nginx = await startNginx(node.port);
const from = ({ port, cpu }: Part, name: string, path: string, method: string): Candidate => ({
  name,
  port,
  path,
  method,
  cpu,
});
const candidates: Candidate[] = [
  ...(nginx === undefined ? [] : [from(nginx, 'nginx, plain proxy', '/', 'eth_getBalance')]),
  from(plain, 'node http, plain proxy', '/', 'eth_getBalance'),
  from(plainUndici, 'node http + undici, plain proxy', '/', 'eth_getBalance'),
  from(gateway, 'gateway, upstream call', '/rpc/bench', 'eth_getBalance'),
  from(gateway, 'gateway, answered here', '/rpc/bench', 'eth_chainId'),
];

const cost = new Map<string, number[]>();
for (const candidate of candidates) await load(candidate, 2000);
for (let round = 0; round < ROUNDS; round++) {
  for (const candidate of candidates) {
    const before = await candidate.cpu();
    await load(candidate, REQUESTS);
    const spent = (await candidate.cpu()) - before;
    cost.set(candidate.name, [...(cost.get(candidate.name) ?? []), spent / REQUESTS]);
  }
}
const baseline = median(cost.get(candidates[0]?.name ?? '') ?? []);
const rows = candidates.map(({ name }) => {
  const microseconds = median(cost.get(name) ?? []);
  return {
    candidate: name,
    'CPU µs a request': Number(microseconds.toFixed(1)),
    'requests a second and core': Math.round(1e6 / microseconds),
    [`capacity against ${candidates[0]?.name}`]: Number((baseline / microseconds).toFixed(2)),
  };
});
console.table(rows);
if (nginx === undefined) console.log('nginx is not installed: ratios are against the first row.');
for (const part of [gateway, plainUndici, plain, nginx, node]) await part?.stop();
