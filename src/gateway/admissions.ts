import { createHash, hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Guard, Revocation, Subject } from '../../authz/index.js';
import type { Clock } from '../clock.js';
import type { ClosedEndpoint } from './closed-endpoints.js';
import type { Credential } from './credential.js';
import type { RpcGroup } from './endpoint.js';
import type { Endpoint } from './endpoint-store.js';
import { groupsOf } from './groups.js';
import { TokenBucket } from './token-bucket.js';

/** A credential that is good for an endpoint, until `expiresAtMs` or a revocation. */
export interface Grant {
  readonly endpoint: Endpoint;
  /** What this credential may call; a part of the endpoint's groups. */
  readonly groups: ReadonlySet<RpcGroup>;
  /** Wall clock, milliseconds: the earlier of the token's and the endpoint's. */
  readonly expiresAtMs: number;
  /** Absent for the binding's own bearer token. */
  readonly subject: Subject | undefined;
}

export type Admission =
  | { readonly kind: 'granted'; readonly grant: Grant }
  /** 401; the endpoint when there is one. */
  | { readonly kind: 'refused'; readonly endpoint: Endpoint | undefined }
  /** Too many failed verifications from this address. */
  | { readonly kind: 'throttled'; readonly endpoint: Endpoint | undefined; readonly retryAfterSeconds: number };

interface Filling {
  readonly bindingId: string;
  readonly answer: Promise<Admission>;
  stale: boolean;
}

const MAX_GRANTS = 100_000;
const REFUSALS = { max: 10_000, ttl: 5000 };
/** Failed verifications of one address: a NAT of many people passes, a guesser does not. */
const FAILURES = { perSecond: 50, burst: 500, addresses: 10_000 };
/** How long a binding being closed here is looked up anew each time: longer than any transaction of ours. */
const CLOSING_MS = 30_000;

/**
 * Who may call which endpoint, remembered by SHA-256 of the token. A fill begun before a revocation or a change of its
 * binding is not remembered; concurrent first uses of one token share one verification.
 */
export class Admissions {
  readonly #grants = new LRUCache<string, Grant>({
    max: MAX_GRANTS,
    dispose: (grant, key) => this.#unindex(grant, key),
  });
  readonly #refusals = new LRUCache<string, Endpoint>(REFUSALS);
  readonly #fillings = new Map<string, Filling>();
  readonly #failures = new LRUCache<string, TokenBucket>({ max: FAILURES.addresses });
  readonly #closing = new LRUCache<string, true>({ max: 10_000, ttl: CLOSING_MS });
  /** `binding …`, `resource …`, `token …` → keys of grants that end with it. */
  readonly #index = new Map<string, Set<string>>();

  constructor(
    private readonly parts: {
      readonly guard: Pick<Guard, 'identify'>;
      readonly find: (bindingId: string) => Promise<Endpoint | undefined>;
      readonly clientAddress: (request: IncomingMessage) => string;
      readonly clock: Clock;
    },
  ) {}

  /** A remembered grant that is still good, without waiting. */
  cached(bindingId: string, credential: Credential): Grant | undefined {
    const grant = this.#grants.get(keyOf(bindingId, credential));
    return grant !== undefined && grant.expiresAtMs > this.parts.clock.nowMs() ? grant : undefined;
  }

  /** @throws what the database or the guard throw when they are down. */
  admit(request: IncomingMessage, bindingId: string, credential: Credential): Promise<Admission> {
    const key = keyOf(bindingId, credential);
    const refusal = this.#refusals.get(key);
    if (refusal !== undefined) return Promise.resolve({ kind: 'refused', endpoint: refusal });
    const running = this.#fillings.get(key);
    if (running !== undefined && !running.stale) return running.answer;
    const filling: Filling = { bindingId, answer: this.#verify(request, bindingId, credential), stale: false };
    this.#fillings.set(key, filling);
    return this.#remember(key, filling);
  }

  /** An endpoint was closed somewhere. Told more than once; a later endpoint of the same binding is not meant. */
  endpointClosed({ bindingId, resourceId }: ClosedEndpoint): void {
    this.#closing.delete(bindingId);
    this.#forget(`resource ${resourceId}`);
    this.#suspect(bindingId);
  }

  /** Its close is about to commit in this process: until word of that comes, nothing of it is remembered. */
  bindingClosing(bindingId: string): void {
    this.#closing.set(bindingId, true);
    this.#forget(`binding ${bindingId}`);
    this.#suspect(bindingId);
  }

  revoked(revocation: Revocation): void {
    if (revocation.kind === 'all' || revocation.id === undefined) this.dropAll();
    else this.#forget(`${revocation.kind} ${revocation.id}`);
    for (const filling of this.#fillings.values()) filling.stale = true;
  }

  dropAll(): void {
    for (const filling of this.#fillings.values()) filling.stale = true;
    this.#grants.clear();
    this.#refusals.clear();
  }

  async #remember(key: string, filling: Filling): Promise<Admission> {
    try {
      const admission = await filling.answer;
      if (!filling.stale && !this.#closing.has(filling.bindingId)) this.#keep(key, admission);
      return admission;
    } finally {
      if (this.#fillings.get(key) === filling) this.#fillings.delete(key);
    }
  }

  #keep(key: string, admission: Admission): void {
    if (admission.kind === 'granted') {
      this.#grants.set(key, admission.grant);
      for (const name of namesOf(admission.grant)) {
        const keys = this.#index.get(name) ?? new Set();
        this.#index.set(name, keys.add(key));
      }
    } else if (admission.kind === 'refused' && admission.endpoint !== undefined) {
      this.#refusals.set(key, admission.endpoint);
    }
  }

  async #verify(request: IncomingMessage, bindingId: string, credential: Credential): Promise<Admission> {
    const endpoint = await this.parts.find(bindingId);
    const live = endpoint !== undefined && endpoint.expiresAtMs > this.parts.clock.nowMs();
    if (live && isOwn(credential, endpoint)) {
      const { groups, expiresAtMs } = endpoint;
      return { kind: 'granted', grant: { endpoint, groups, expiresAtMs, subject: undefined } };
    }
    const failures = this.#failuresOf(this.parts.clientAddress(request));
    const retryAfterSeconds = failures.wait(1, performance.now());
    if (retryAfterSeconds > 0) return { kind: 'throttled', endpoint, retryAfterSeconds };
    const subject = live ? await this.parts.guard.identify(request) : undefined;
    const grant = live && subject !== undefined ? grantOf(endpoint, subject) : undefined;
    if (grant !== undefined) return { kind: 'granted', grant };
    failures.take(1, performance.now());
    return { kind: 'refused', endpoint };
  }

  #failuresOf(address: string): TokenBucket {
    const known = this.#failures.get(address);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(FAILURES.perSecond, FAILURES.burst, performance.now());
    this.#failures.set(address, bucket);
    return bucket;
  }

  /** What is being looked up about a binding now may be out of date. */
  #suspect(bindingId: string): void {
    this.#refusals.clear();
    for (const filling of this.#fillings.values()) if (filling.bindingId === bindingId) filling.stale = true;
  }

  #forget(name: string): void {
    for (const key of [...(this.#index.get(name) ?? [])]) this.#grants.delete(key);
  }

  #unindex(grant: Grant, key: string): void {
    for (const name of namesOf(grant)) {
      const keys = this.#index.get(name);
      keys?.delete(key);
      if (keys?.size === 0) this.#index.delete(name);
    }
  }
}

const keyOf = (bindingId: string, { scheme, token }: Credential): string =>
  `${hash('sha256', token, 'base64')} ${scheme} ${bindingId}`;

function isOwn({ scheme, token }: Credential, endpoint: Endpoint): boolean {
  return scheme === 'Bearer' && timingSafeEqual(createHash('sha256').update(token).digest(), endpoint.tokenHash);
}

function namesOf(grant: Grant): string[] {
  const names = [`binding ${grant.endpoint.bindingId}`, `resource ${grant.endpoint.resourceId}`];
  return grant.subject?.tokenId === undefined ? names : [...names, `token ${grant.subject.tokenId}`];
}

/**
 * What an RPT grants on this endpoint; undefined for nothing.
 * INVARIANT: only permissions on the binding's own resource count; a platform's or operator's standing is none here.
 */
function grantOf(endpoint: Endpoint, subject: Subject): Grant | undefined {
  const scopes = subject.permissions
    .filter((each) => each.resourceId === endpoint.resourceId)
    .flatMap((each) => each.scopes);
  const groups = groupsOf(scopes).filter((group) => endpoint.groups.has(group));
  if (groups.length === 0 || subject.expiresAt === undefined) return undefined;
  const expiresAtMs = Math.min(subject.expiresAt * 1000, endpoint.expiresAtMs);
  return { endpoint, groups: new Set(groups), expiresAtMs, subject };
}
