/**
 * What the authorization server costs, in one run beside oidc-provider's own client_credentials JWT: `node dist/bench/authz.js`.
 * CPU time is taken from each process itself, so that the figures are capacities whatever else runs; rounds of the candidates
 * alternate and the median counts. `without database`: the same server while every statement is answered from memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const REQUESTS = Number(process.env.REQUESTS ?? 1000);
const ROUNDS = 5;
const CONNECTIONS = 8;
/** Fewer leave the baseline in cold code, and it looks twice as dear as it is. */
const WARM_UP = 1500;
const BASIC = `Basic ${Buffer.from('bench:bench-secret').toString('base64')}`;
const UMA = encodeURIComponent('urn:ietf:params:oauth:grant-type:uma-ticket');
const FORMAT = encodeURIComponent('urn:ovsb:claim-token:eip4361');

class Part {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    child.once('exit', (code) => {
      if (code !== 0) throw new Error(`a part ended with ${code}`);
    });
  }

  static async start(name: string): Promise<Part> {
    const child = fork(fileURLToPath(new URL('./authz-process.js', import.meta.url)), [name]);
    const [port] = (await once(child, 'message')) as [number];
    return new Part(child, port);
  }

  async ask<T>(...command: readonly unknown[]): Promise<T> {
    this.child.send(command);
    const [answer] = (await once(this.child, 'message')) as [T];
    return answer;
  }

  async stop(): Promise<void> {
    this.child.send(['stop']);
    await once(this.child, 'exit');
  }
}

function post(path: string, authorization: string, body: string): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${authorization}\r\n` +
      `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

/** Sends every request over kept-alive connections, one in flight on each. Resolves to the bodies. */
async function send(port: number, requests: readonly Buffer[]): Promise<string[]> {
  const bodies: string[] = [];
  let at = 0;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      let answer = '';
      const next = () => {
        const request = requests[at++];
        answer = '';
        if (request === undefined) socket.end(() => resolve());
        else socket.write(request);
      };
      socket.on('connect', next);
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        if (!answer.endsWith('}')) return;
        if (!answer.startsWith('HTTP/1.1 200')) reject(new Error(answer.slice(0, 1000)));
        bodies.push(answer.slice(answer.indexOf('\r\n\r\n') + 4));
        next();
      });
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return bodies;
}

interface Candidate {
  readonly name: string;
  readonly part: Part;
  requests(count: number): Promise<Buffer[]>;
  /** Statements answered from memory. */
  readonly replayed?: boolean;
  /** Nothing it asks of the policies was asked before. */
  readonly novel?: boolean;
  /** PostgreSQL's CPU counts too. */
  readonly withDatabase?: boolean;
}

async function round({ part, requests, replayed, novel, withDatabase }: Candidate, count: number): Promise<number> {
  const made = await requests(count);
  if (replayed) await part.ask('replay', true);
  if (novel) await part.ask('novel', true);
  const before = await part.ask<number>('cpu');
  const databaseBefore = withDatabase ? await part.ask<number>('databaseCpu') : 0;
  await send(part.port, made);
  const spent = (await part.ask<number>('cpu')) - before;
  const database = withDatabase ? (await part.ask<number>('databaseCpu')) - databaseBefore : 0;
  if (replayed) await part.ask('replay', false);
  if (novel) await part.ask('novel', false);
  return (spent + database) / count;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Microseconds of CPU a request, by candidate. */
async function measure(candidates: readonly Candidate[]): Promise<Map<string, number>> {
  const cost = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  for (const candidate of candidates) await round(candidate, WARM_UP);
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const candidate of candidates) cost.get(candidate.name)?.push(await round(candidate, REQUESTS));
  }
  return new Map([...cost].map(([name, rounds]) => [name, median(rounds)]));
}

const presented = (ticket: string, more = '') =>
  post('/authz/token', BASIC, `grant_type=${UMA}&ticket=${ticket}${more}`);
const rpts = (part: Part) => async (count: number) =>
  (await part.ask<string[]>('mint', count)).map((ticket) => presented(ticket));

const jwt = await Part.start('jwt');
const small = await Part.start('authz');
const large = await Part.start('authz');
await large.ask('fill', 10_000, 100_000);

const [patBody = ''] = await send(small.port, [
  post('/authz/token', BASIC, 'grant_type=client_credentials&scope=uma_protection'),
]);
const pat = (JSON.parse(patBody) as { access_token: string }).access_token;
const [rptBody = ''] = await send(small.port, await rpts(small)(1));
const rpt = (JSON.parse(rptBody) as { access_token: string }).access_token;

const JWT = 'client_credentials JWT of oidc-provider';
const candidates: Candidate[] = [
  {
    name: JWT,
    part: jwt,
    requests: async (count) =>
      Array.from({ length: count }, () => post('/token', BASIC, 'grant_type=client_credentials')),
  },
  { name: 'RPT, without database', part: small, requests: rpts(small), replayed: true },
  { name: 'RPT of a new question, without database', part: small, requests: rpts(small), replayed: true, novel: true },
  { name: 'RPT', part: small, requests: rpts(small) },
  { name: 'RPT, with PostgreSQL’s CPU', part: small, requests: rpts(small), withDatabase: true },
  {
    name: 'RPT for a wallet, with its signature',
    part: small,
    requests: async (count) => {
      const tickets = await small.ask<string[]>('mint', count);
      const tokens = await small.ask<string[]>('claims', tickets);
      return tickets.map((ticket, index) =>
        presented(ticket, `&claim_token=${tokens[index]}&claim_token_format=${FORMAT}`),
      );
    },
  },
  {
    name: 'introspection',
    part: small,
    requests: async (count) =>
      Array.from({ length: count }, () => post('/authz/introspect', `Bearer ${pat}`, `token=${rpt}`)),
  },
];
const cost = await measure(candidates);
cost.set('guard.check in process', await small.ask<number>('check', rpt, REQUESTS));
const baseline = cost.get(JWT) ?? 0;
console.table(
  [...cost].map(([name, microseconds]) => ({
    candidate: name,
    'CPU µs': Math.round(microseconds),
    'a second and core': Math.round(1e6 / microseconds),
    'capacity against the JWT': Number((baseline / microseconds).toFixed(2)),
  })),
);
console.table(
  Object.entries(await small.ask<Record<string, number>>('parts', REQUESTS)).map(([part, microseconds]) => ({
    'part of an RPT': part,
    'CPU µs': Math.round(microseconds),
  })),
);

const scale = await measure([
  { name: 'near-empty', part: small, requests: rpts(small), withDatabase: true },
  { name: '10,000 resources and 100,000 live tickets', part: large, requests: rpts(large), withDatabase: true },
]);
const [near = 0, full = 0] = scale.values();
console.table(
  [...scale].map(([database, microseconds]) => ({
    database,
    'CPU µs an RPT, with PostgreSQL': Math.round(microseconds),
  })),
);
console.log(`slowdown of the full database: ${((full / near - 1) * 100).toFixed(0)} %`);
for (const part of [jwt, small, large]) await part.stop();
