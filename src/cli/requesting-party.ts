import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateKeyAccount } from 'viem/accounts';
import { DomainError } from '../errors.js';
import { EIP4361, signClaim } from './claim.js';
import {
  type Answer,
  accessTokenOf,
  callBroker,
  fetchJson,
  tokenEndpoint,
  UMA_GRANT,
  umaChallenge,
} from './uma-client.js';

/** What happens on the way, for whoever prints it. */
export type Progress = (step: string, line: string, facts?: Record<string, unknown>) => void;

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
    const challenge = umaChallenge(first);
    if (challenge === undefined) return first;
    this.party.progress('unauthorized', `401 ${method} ${path}: the broker wants a permission`);
    this.party.progress('ticket', `ticket from ${challenge.asUri}`, { as_uri: challenge.asUri });
    const token = await this.#obtain(challenge.asUri, challenge.ticket, options.statement);
    this.#rpt = token.accessToken;
    this.#pct = token.pct ?? this.#pct;
    this.party.progress('rpt', 'RPT granted');
    return this.#send(method, path, options.body);
  }

  async #obtain(asUri: string, firstTicket: string, statement: string): Promise<Token> {
    const endpoint = await tokenEndpoint(this.party.baseUrl, asUri);
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
    return callBroker(this.party.baseUrl, this.#rpt, { method, path, body });
  }
}

function tokenOf(body: Record<string, unknown>): Token {
  const { pct } = body;
  return { accessToken: accessTokenOf(body), ...(typeof pct === 'string' ? { pct } : {}) };
}
