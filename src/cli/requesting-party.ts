import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateKeyAccount } from 'viem/accounts';
import { DomainError } from '../errors.js';
import { EIP4361, signClaim } from './claim.js';

const UMA_GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket';
const CALL_TIMEOUT_MS = 30_000;

/** What happens on the way, for whoever prints it. */
export type Progress = (step: string, line: string, facts?: Record<string, unknown>) => void;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface Party {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly chainId: number;
  readonly wallet: PrivateKeyAccount;
  /** Seconds to wait for an operator's approval. */
  readonly approvalTimeoutSeconds: number;
  readonly progress: Progress;
}

interface Token {
  readonly accessToken: string;
  readonly pct?: string;
}

/**
 * A UMA requesting party (UMA Grant 3): calls a path, and when told 401 with a ticket goes to the authorization server
 * it names, proves what is asked, and calls again. Keeps the RPT and the PCT, so the wallet signs once.
 */
export class RequestingParty {
  #rpt: string | undefined;
  #pct: string | undefined;

  constructor(private readonly party: Party) {}

  /** One call with the dance around it; the answer may still be an error of the called protocol. */
  async call(method: string, path: string, options: { body?: unknown; statement: string }): Promise<Answer> {
    const first = await this.#send(method, path, options.body);
    const challenge = first.status === 401 ? umaChallenge(first.headers) : undefined;
    if (challenge === undefined) return first;
    this.party.progress('unauthorized', `401 ${method} ${path}: the broker wants a permission`);
    this.party.progress('ticket', `ticket from ${challenge.asUri}`, { as_uri: challenge.asUri });
    this.#expectIssuer(challenge.asUri);
    const token = await this.#obtain(challenge.asUri, challenge.ticket, options.statement);
    this.#rpt = token.accessToken;
    this.#pct = token.pct ?? this.#pct;
    this.party.progress('rpt', 'RPT granted');
    return this.#send(method, path, options.body);
  }

  /** A claim is only ever shown to the broker's own authorization server. */
  #expectIssuer(asUri: string): void {
    if (new URL(asUri).origin !== new URL(this.party.baseUrl).origin) {
      throw new DomainError('ForeignIssuer', `the broker names a foreign authorization server: ${asUri}`);
    }
  }

  async #obtain(asUri: string, firstTicket: string, statement: string): Promise<Token> {
    const endpoint = await tokenEndpoint(asUri);
    let ticket = firstTicket;
    let claim: string | undefined;
    const deadline = Date.now() + this.party.approvalTimeoutSeconds * 1000;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#ask(endpoint, ticket, claim);
      claim = undefined;
      if (answer.status === 200) return tokenOf(answer.body);
      const next = answer.body.ticket;
      const error = String(answer.body.error ?? `HTTP ${answer.status}`);
      if (error === 'need_info' && typeof next === 'string' && attempt === 0) {
        const wanted = (answer.body.required_claims ?? []) as { name?: string; friendly_name?: string }[];
        const names = wanted.map((item) => item.friendly_name ?? item.name).join(', ');
        this.party.progress('need_info', `need_info: ${names}`, { required_claims: wanted });
        claim = await signClaim(this.party.wallet, {
          ticket: next,
          issuer: asUri,
          chainId: this.party.chainId,
          clientId: this.party.clientId,
          statement,
        });
        this.party.progress('signature', `signed as ${this.party.wallet.address}`, {
          address: this.party.wallet.address,
        });
        ticket = next;
      } else if (error === 'request_submitted' && typeof next === 'string' && Date.now() < deadline) {
        const interval = Number(answer.body.interval ?? 5);
        const why = String(answer.body.error_description ?? 'the operator must approve');
        this.party.progress('submitted', `waiting for the operator: ${why}`, { interval });
        await sleep(interval * 1000);
        ticket = next;
      } else {
        throw new DomainError(error, `${error}: ${String(answer.body.error_description ?? 'no reason given')}`, {
          status: answer.status,
        });
      }
    }
  }

  #ask(endpoint: string, ticket: string, claim: string | undefined): Promise<Answer> {
    const form = new URLSearchParams({ grant_type: UMA_GRANT, client_id: this.party.clientId, ticket });
    if (claim !== undefined) {
      form.set('claim_token', claim);
      form.set('claim_token_format', EIP4361);
    }
    if (this.#pct !== undefined) form.set('pct', this.#pct);
    if (this.#rpt !== undefined) form.set('rpt', this.#rpt);
    return fetchJson(endpoint, { method: 'POST', body: form });
  }

  #send(method: string, path: string, body: unknown): Promise<Answer> {
    const headers: Record<string, string> = { accept: 'application/json', 'x-broker-api-version': '2.17' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.#rpt !== undefined) headers.authorization = `Bearer ${this.#rpt}`;
    return fetchJson(`${this.party.baseUrl}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** @throws DomainError `Unreachable` when nothing answers there. */
export async function fetchJson(url: string, init: RequestInit = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  } catch (cause) {
    throw new DomainError('Unreachable', `no answer from ${new URL(url).origin}; is the broker running (npm start)?`, {
      cause,
    });
  }
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parseObject(text) };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : { value: parsed };
  } catch {
    return { description: text.slice(0, 200) };
  }
}

function tokenOf(body: Record<string, unknown>): Token {
  const { access_token: accessToken, pct } = body;
  if (typeof accessToken !== 'string')
    throw new DomainError('NoToken', 'the token endpoint answered without an access token');
  return { accessToken, ...(typeof pct === 'string' ? { pct } : {}) };
}

function umaChallenge(headers: Headers): { asUri: string; ticket: string } | undefined {
  const header = headers.get('www-authenticate') ?? '';
  if (!/(^|,\s*)UMA\s/i.test(header)) return undefined;
  const asUri = /as_uri="([^"]+)"/.exec(header)?.[1];
  const ticket = /ticket="([^"]+)"/.exec(header)?.[1];
  return asUri !== undefined && ticket !== undefined ? { asUri, ticket } : undefined;
}

async function tokenEndpoint(issuer: string): Promise<string> {
  const discovery = await fetchJson(`${issuer}/.well-known/uma2-configuration`);
  const endpoint = discovery.body.token_endpoint;
  if (discovery.status !== 200 || typeof endpoint !== 'string') {
    throw new DomainError('NoDiscovery', `${issuer} serves no uma2-configuration`);
  }
  return endpoint;
}
