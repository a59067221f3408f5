import { request } from 'undici';
import { DomainError } from '../../errors.js';
import type { ValidatorRegistration } from '../../keys/builder-registration.js';

export interface SignedRegistration {
  readonly message: ValidatorRegistration;
  readonly signature: string;
}

const TIMEOUT_MS = 10_000;
const LONGEST_ANSWER_BYTES = 64 * 1024;

/** A relay behind MEV-Boost: the builder API to register, the data API to see what it holds. */
export class Relay {
  constructor(private readonly uri: string) {}

  /** Idempotent: a newer timestamp replaces. @throws DomainError `RelayRefused`. */
  async register(registrations: readonly SignedRegistration[], signal: AbortSignal): Promise<void> {
    const answer = await this.#call('POST', '/eth/v1/builder/validators', signal, registrations);
    if (answer.status !== 200)
      throw new DomainError('RelayRefused', `the relay answered ${answer.status}: ${answer.text}`);
  }

  /** What it holds for the key; undefined when nothing. */
  async held(publicKey: string, signal: AbortSignal): Promise<SignedRegistration | undefined> {
    const answer = await this.#call('GET', `/relay/v1/data/validator_registration?pubkey=${publicKey}`, signal);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200)
      throw new DomainError('RelayRefused', `the relay answered ${answer.status}: ${answer.text}`);
    const body: unknown = JSON.parse(answer.text);
    const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : body;
    return data as SignedRegistration;
  }

  /** Relays of the sandbox's kind forget on request. @throws DomainError `RelayRefused` where a relay cannot. */
  async forget(publicKey: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#call('DELETE', `/eth/v1/builder/validators/${publicKey}`, signal);
    if (![200, 204, 404].includes(answer.status)) {
      throw new DomainError('RelayRefused', `the relay answered ${answer.status}: ${answer.text}`);
    }
  }

  async #call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<{ status: number; text: string }> {
    const answer = await request(`${this.uri}${path}`, {
      method,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body) {
      bytes += (chunk as Buffer).length;
      if (bytes > LONGEST_ANSWER_BYTES) throw new DomainError('RelayRefused', 'the relay answered too much');
      chunks.push(chunk as Buffer);
    }
    return { status: answer.statusCode, text: Buffer.concat(chunks).toString('utf8') };
  }
}
