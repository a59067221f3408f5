import { once } from 'node:events';
import { request as send } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import Koa from 'koa';
import { Registry } from 'prom-client';
import { createHttpMetrics } from '../../src/http/http-metrics.js';
import { lastResort } from '../../src/http/last-resort.js';
import { probeRoutes, type ReadinessCheck, type ReadinessWarning } from '../../src/http/probe-routes.js';
import { readJson } from '../../src/http/read-json.js';
import { securityHeaders } from '../../src/http/security-headers.js';
import { createHttpServer, type HttpServer } from '../../src/http/server.js';
import { quietLogger } from '../support/quiet-logger.js';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

describe('the HTTP front', () => {
  let server: HttpServer;
  let port: number;
  let reason: string | undefined;
  let refused: readonly string[] = [];

  before(async () => {
    const registry = new Registry();
    const check: ReadinessCheck = { name: 'part', check: () => reason };
    const koa = new Koa();
    koa.use(lastResort(quietLogger)).use(securityHeaders(false));
    const warning: ReadinessWarning = { name: 'document', faults: () => refused };
    koa.use(
      probeRoutes({ checks: [check], warnings: [warning], registry, metrics: { token: 'open sesame' } }).routes(),
    );
    koa.use(async (ctx) => {
      if (ctx.path === '/echo') ctx.body = { got: await readJson(ctx.req) };
      if (ctx.path === '/boom') throw new Error('the secret is 42');
    });
    server = createHttpServer({
      config: { host: '127.0.0.1', port: 0, publicUrl: 'https://ovsb.example', hostNames: ['other.example'] },
      handle: koa.callback(),
      rpc: (_request, response) => response.end('rpc'),
      metrics: createHttpMetrics(registry),
      logger: quietLogger,
    });
    port = await server.listen();
  });
  after(() => server.close(1_000));

  function call(path: string, headers: Record<string, string> = {}, body?: string | Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const request = send({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }
  const post = (body: string | Buffer, type = 'application/json') => call('/echo', { 'content-type': type }, body);

  const hosts: [string, number][] = [
    ['ovsb.example', 404],
    ['OVSB.example:8443', 404],
    ['other.example', 404],
    ['localhost:1', 404],
    ['127.0.0.1', 404],
    ['127.9.9.9:80', 404],
    ['[::1]:80', 404],
    ['evil.example', 421],
    ['ovsb.example.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['127.0.0.1@evil.example', 421],
    ['[::1', 421],
  ];
  for (const [host, status] of hosts) {
    it(`C1: Host ${host} gets ${status}`, async () =>
      expect((await call('/nothing', { host })).status).to.equal(status));
  }

  it('C1: no Host and a foreign Host are refused on /rpc/ too; probes answer anyone', async () => {
    expect((await call('/rpc/x', { host: 'evil.example' })).status).to.equal(421);
    expect((await call('/rpc/x')).text).to.equal('rpc');
    expect((await call('/livez', { host: 'evil.example' })).status).to.equal(200);
    expect((await call('/metrics', { host: 'evil.example' })).status).to.equal(421);
  });

  for (const [host, line] of [
    ['evil.example', 'HTTP/1.1 421 Misdirected Request'],
    ['localhost', 'HTTP/1.1 404 Not Found'],
  ] as const) {
    it(`C1: an upgrade with Host ${host}: ${line}`, async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      const answer = once(socket, 'data');
      socket.write(`GET /v2/x HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      expect(String((await answer)[0]).split('\r\n')[0]).to.equal(line);
      socket.destroy();
    });
  }

  it('a refused upgrade ends the connection, also of a caller who does not', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.resume();
    const left = once(socket, 'end');
    socket.write('GET /v2/catalog HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await left;
    // What is written to a connection that the other side has closed comes back as an error.
    const closed = new Promise((resolve) => socket.on('error', resolve));
    const writing = setInterval(() => socket.write('x'), 50);
    const waited = await Promise.race([closed, sleep(1_000, 'still open')]);
    clearInterval(writing);
    socket.destroy();
    expect(waited).to.be.instanceOf(Error);
  });

  it('gives every answer an id of its own making', async () => {
    const answer = await call('/nothing', { 'x-request-id': 'mine' });
    expect(answer.headers['x-request-id']).to.match(/^[0-9a-f]{24}$/);
    expect(JSON.parse(answer.text)).to.deep.equal({ error: 'not_found', request_id: answer.headers['x-request-id'] });
  });

  it('hides what an unexpected failure says', async () => {
    const answer = await call('/boom');
    expect(answer.status).to.equal(500);
    expect(answer.text).to.contain('internal_error').and.not.contain('42');
  });

  it('is ready only when every check says so', async () => {
    expect((await call('/readyz')).status).to.equal(200);
    reason = 'not yet';
    const answer = await call('/readyz');
    expect(answer.status).to.equal(503);
    expect(answer.text).to.contain('not yet');
    reason = undefined;
  });

  it('stays ready while the last good document serves, and says what was refused', async () => {
    expect(JSON.parse((await call('/readyz')).text)).to.deep.equal({ ready: true, reasons: [], warnings: [] });
    refused = ['wallets.cedar:3:1 unexpected token'];
    const answer = await call('/readyz');
    expect(answer.status).to.equal(200);
    expect(JSON.parse(answer.text).warnings).to.deep.equal([{ name: 'document', reason: refused[0] }]);
    refused = [];
  });

  it('C6: metrics want their bearer token', async () => {
    expect((await call('/metrics')).status).to.equal(401);
    expect((await call('/metrics', { authorization: 'Bearer nope' })).status).to.equal(401);
    expect((await call('/metrics', { authorization: 'Bearer open sesame' })).text).to.contain('ovsb_http_request');
  });

  it('C2: forbids framing and sniffing', async () => {
    const { headers } = await call('/livez');
    expect(headers['content-security-policy']).to.contain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).to.equal('nosniff');
  });

  const bodies: [string, string | Buffer, string, number][] = [
    ['an object', '{"a":[1,{"b":"\\"}"}]}', 'application/json', 200],
    ['a charset', '{}', 'application/json; charset=utf-8', 200],
    ['no JSON', '{', 'application/json', 400],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json', 400],
    ['a member twice', '{"a":1,"\\u0061":2}', 'application/json', 400],
    ['__proto__', '{"x":{"__proto__":{}}}', 'application/json', 400],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, 'application/json', 400],
    ['a NUL in a text', '["\\u0000"]', 'application/json', 400],
    ['half a character in a name', '{"\\ud800":1}', 'application/json', 400],
    ['an emoji written as escapes', '["\\ud83d\\ude00"]', 'application/json', 200],
    ['a form', 'a=1', 'application/x-www-form-urlencoded', 415],
    ['too much', JSON.stringify('x'.repeat(70_000)), 'application/json', 413],
  ];
  for (const [name, body, type, status] of bodies) {
    it(`reads a body with ${name}: ${status}`, async () => expect((await post(body, type)).status).to.equal(status));
  }

  it('refuses a body of unannounced length once it is too long', async () => {
    const socket = connect(port, '127.0.0.1');
    const chunk = `8000\r\n${'1'.repeat(0x8000)}\r\n`;
    socket.write(
      `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    socket.write(chunk + chunk + chunk);
    const [first] = await new Promise<string[]>((resolve) =>
      socket.once('data', (data) => resolve(String(data).split('\r\n'))),
    );
    socket.destroy();
    expect(first).to.contain('413');
  });
});
