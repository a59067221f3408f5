import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Revocation } from '../../authz/index.js';
import { reasonOf } from '../errors.js';
import type { Grant } from './admissions.js';
import type { ClosedEndpoint } from './closed-endpoints.js';
import { corsHeaders, originAllowed } from './cors.js';
import { presentedCredential } from './credential.js';
import { admitRequest, bindingOf, type HttpParts, type Refusal } from './http-handler.js';
import { errorAnswer } from './json-rpc.js';
import { type Ending, SocketSession } from './socket-session.js';
import { SubscriptionHub } from './subscription-hub.js';
import type { Upstreams } from './upstreams.js';

const MOST_PER_BINDING = 100;
const MOST = 10_000;
const BEAT_SECONDS = 30;
const FOLLOW_SECONDS = 5;

/** WebSockets at `/rpc/{binding_id}`: admitted like a request, ended when their credential or binding ends. */
export class SocketServer {
  /** One per frame limit, which ws fixes per server. */
  readonly #servers = new Map<number, WebSocketServer>();
  readonly #sessions = new Set<SocketSession>();
  readonly #perBinding = new Map<string, number>();
  readonly #hub = new SubscriptionHub();
  readonly #timer = setInterval(() => this.#tick(), 1000);
  #ticks = 0;

  constructor(
    private readonly parts: HttpParts,
    private readonly upstreams: Upstreams,
  ) {}

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const destroy = () => socket.destroy();
    socket.on('error', destroy);
    this.#admit(request).then(
      (admitted) => {
        if (!('endpoint' in admitted)) return refuse(socket, admitted);
        socket.off('error', destroy);
        this.#server(admitted.endpoint.limits.body_bytes).handleUpgrade(request, socket, head, (opened) => {
          const session = new SocketSession(this.parts, this.#hub, opened, admitted);
          this.#add(session, opened);
          // What ended between the admission and now is no longer remembered, and nobody else would cut this socket.
          if (!this.#stillGood(request, admitted)) session.end('revoked');
        });
      },
      (thrown) => {
        this.parts.log.error({ reason: reasonOf(thrown) }, 'a WebSocket upgrade failed');
        socket.destroy();
      },
    );
  }

  endpointClosed(closed: ClosedEndpoint | 'all'): void {
    this.#end('unbound', ({ endpoint }) => closed === 'all' || endpoint.resourceId === closed.resourceId);
  }

  revoked(revocation: Revocation): void {
    this.#end('revoked', ({ endpoint, subject }) => {
      if (revocation.kind === 'token') return subject?.tokenId !== undefined && subject.tokenId === revocation.id;
      if (revocation.kind === 'resource') return endpoint.resourceId === revocation.id;
      // What authz revokes as a whole are its tokens; the binding's own credential is not one.
      return subject !== undefined;
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#end('stopping', () => true);
    this.#hub.close();
    for (const server of this.#servers.values()) {
      server.close();
      for (const client of server.clients) client.terminate();
    }
  }

  async #admit(request: IncomingMessage): Promise<Grant | Refusal> {
    const refusal = (status: number, message: string): Refusal => ({
      status,
      body: errorAnswer(null, 'server', message),
      headers: [],
    });
    const bindingId = bindingOf(request.url);
    if (!this.parts.hostAllowed(request.headers.host)) return refusal(421, 'not a host name of this broker');
    if (bindingId === undefined) return refusal(404, 'no such endpoint');
    const admitted = await admitRequest(this.parts, request, bindingId);
    if (!('endpoint' in admitted)) return admitted;
    if (!originAllowed(admitted.endpoint, request.headers.origin)) {
      this.parts.metrics.refused('origin');
      return refusal(403, 'not an origin of this binding');
    }
    if (this.#sessions.size >= MOST || (this.#perBinding.get(bindingId) ?? 0) >= MOST_PER_BINDING) {
      const { status, body } = refusal(429, 'too many WebSockets');
      return {
        status,
        body,
        headers: [...corsHeaders(admitted.endpoint, request.headers.origin), 'retry-after', '10'],
      };
    }
    return admitted;
  }

  #stillGood(request: IncomingMessage, grant: Grant): boolean {
    const credential = presentedCredential(request);
    return credential !== undefined && this.parts.admissions.cached(grant.endpoint.bindingId, credential) !== undefined;
  }

  #server(maxPayload: number): WebSocketServer {
    const known = this.#servers.get(maxPayload);
    if (known !== undefined) return known;
    const server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
    this.#servers.set(maxPayload, server);
    return server;
  }

  #add(session: SocketSession, opened: { on(event: 'close', listener: () => void): void }): void {
    const { bindingId } = session.grant.endpoint;
    this.#sessions.add(session);
    this.#perBinding.set(bindingId, (this.#perBinding.get(bindingId) ?? 0) + 1);
    this.parts.metrics.sockets(this.#sessions.size);
    opened.on('close', () => {
      this.#sessions.delete(session);
      const left = (this.#perBinding.get(bindingId) ?? 1) - 1;
      if (left === 0) this.#perBinding.delete(bindingId);
      else this.#perBinding.set(bindingId, left);
      this.parts.metrics.sockets(this.#sessions.size);
    });
  }

  #end(ending: Ending, which: (grant: Grant) => boolean): void {
    for (const session of this.#sessions) if (which(session.grant)) session.end(ending);
  }

  #tick(): void {
    this.#ticks += 1;
    const now = this.parts.clock.nowMs();
    this.#end('expired', ({ expiresAtMs }) => expiresAtMs <= now);
    if (!this.parts.confirmed()) this.#end('unconfirmed', () => true);
    if (this.#ticks % BEAT_SECONDS === 0) for (const session of this.#sessions) session.beat();
    if (this.#ticks % FOLLOW_SECONDS === 0) for (const session of this.#sessions) void this.#follow(session);
  }

  /** A subscription stays on one node; when the endpoint follows its keys to another, the caller starts anew there. */
  async #follow(session: SocketSession): Promise<void> {
    const { upstreams } = session.subscriptions;
    if (upstreams.length === 0) return;
    try {
      const now = await this.upstreams.ranked(session.grant.endpoint.validatorInstanceId);
      if (upstreams.some((upstream) => !now.includes(upstream))) session.end('upstream');
    } catch (thrown) {
      this.parts.log.warn({ reason: reasonOf(thrown) }, 'the upstreams of a WebSocket are not known now');
    }
  }
}

function refuse(socket: Duplex, refusal: Refusal): void {
  const pairs = [
    'content-type',
    'application/json',
    'content-length',
    String(refusal.body.length),
    'connection',
    'close',
  ];
  const all = [...pairs, ...refusal.headers];
  const lines = all.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : []));
  const head = [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`, ...lines, '', ''].join('\r\n');
  // Nothing else ends the connection of a caller who does not close it.
  socket.end(`${head}${refusal.body}`, 'latin1', () => socket.destroy());
}
